// Verifies, in this browser, that the entry shown on the page is in the ledger: recomputes the root of the Merkle tree
// from the entry's own text (RFC 6962) and checks the checkpoint's Ed25519 signature (C2SP signed-note) by the public key.
"use strict";

(() => {
  const bytesOf = (text) => new TextEncoder().encode(text);
  const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const join = (...parts) => {
    const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    parts.reduce((at, part) => (joined.set(part, at), at + part.length), 0);
    return joined;
  };
  const equal = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);
  const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const leafHash = (entry) => sha256(join(Uint8Array.of(0), entry));
  const nodeHash = (left, right) => sha256(join(Uint8Array.of(1), left, right));

  // c2sp.org/tlog-proof@v1: the index, the path, an empty line, the checkpoint.
  function readProof(text) {
    const end = text.indexOf("\n\n");
    const [first, ...lines] = text.slice(0, end).split("\n");
    if (end < 0 || first !== "c2sp.org/tlog-proof@v1") throw new Error("the proof is of another form");
    const index = lines.find((line) => line.startsWith("index "));
    const path = lines.filter((line) => !line.startsWith("index ") && !line.startsWith("extra "));
    if (!index) throw new Error("the proof has no index");
    return { index: BigInt(index.slice(6)), path: path.map(fromBase64), checkpoint: text.slice(end + 2) };
  }

  function readCheckpoint(note) {
    const end = note.indexOf("\n\n");
    if (end < 0) throw new Error("the checkpoint has no signature");
    const body = note.slice(0, end + 1);
    const [origin, size, root] = body.split("\n");
    const signatures = note.slice(end + 2).split("\n").filter((line) => line.startsWith("\u2014 "));
    return { body, origin, size: BigInt(size), root: fromBase64(root), signatures };
  }

  // RFC 9162, section 2.1.3.2.
  async function rootFrom(leaf, index, size, path) {
    if (index >= size) return null;
    let [node, last, hash] = [index, size - 1n, leaf];
    for (const sibling of path) {
      if (last === 0n) return null;
      if (node & 1n || node === last) {
        hash = await nodeHash(sibling, hash);
        while (!(node & 1n) && node !== 0n) [node, last] = [node >> 1n, last >> 1n];
      } else {
        hash = await nodeHash(hash, sibling);
      }
      [node, last] = [node >> 1n, last >> 1n];
    }
    return last === 0n ? hash : null;
  }

  // A verifier key is name+id+base64(algorithm byte, key); a signature line is base64(id, signature).
  async function signedBy(checkpoint, verifierKey) {
    const [name, id, ...rest] = verifierKey.trim().split("+");
    const key = fromBase64(rest.join("+"));
    if (key[0] !== 1 || key.length !== 33) throw new Error("the public key is of another kind");
    const expected = (await sha256(join(bytesOf(`${name}\n`), key))).slice(0, 4);
    const hex = Array.from(expected, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hex !== id) throw new Error("the public key does not fit its id");
    const publicKey = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
    for (const line of checkpoint.signatures) {
      const [, signer, signature] = line.split(" ");
      const bytes = fromBase64(signature);
      if (signer === name && equal(bytes.slice(0, 4), expected)) {
        if (await crypto.subtle.verify({ name: "Ed25519" }, publicKey, bytes.slice(4), bytesOf(checkpoint.body))) return true;
      }
    }
    return false;
  }

  function say(panel, name, state, text) {
    const line = panel.querySelector(`[data-step="${name}"]`);
    line.dataset.state = state;
    line.querySelector("[data-said]").textContent = text;
  }

  function conclude(panel, state, title, text) {
    panel.dataset.state = state;
    panel.querySelector("[data-title]").textContent = title;
    panel.querySelector("[data-text]").textContent = text;
  }

  async function verify(panel) {
    const entry = bytesOf(document.getElementById("canonical").textContent);
    const answer = await fetch(panel.dataset.proof);
    if (!answer.ok) throw new Error(`the proof could not be fetched (${answer.status})`);
    const proof = readProof(await answer.text());
    const checkpoint = readCheckpoint(proof.checkpoint);
    if (proof.index !== BigInt(panel.dataset.index)) throw new Error("the proof is of another entry");

    const leaf = await leafHash(entry);
    const hex = Array.from(leaf, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const leafHolds = hex === panel.dataset.leaf;
    say(panel, "leaf", leafHolds ? "holds" : "fails", leafHolds ? "recomputed from the entry below" : "the entry below has another hash");

    const root = await rootFrom(leaf, proof.index, checkpoint.size, proof.path);
    const rootHolds = root !== null && equal(root, checkpoint.root);
    say(panel, "root", rootHolds ? "holds" : "fails", rootHolds ? `recomputed over ${proof.path.length} hashes, it is the checkpoint\u2019s` : "recomputed, it is not the checkpoint\u2019s");

    let signed = null;
    try {
      signed = await signedBy(checkpoint, panel.dataset.key);
    } catch (error) {
      // Browsers without Ed25519 in WebCrypto cannot say; the server has.
      if (error.name !== "NotSupportedError") throw error;
    }
    if (signed === null) say(panel, "signature", "unsaid", "this browser cannot check Ed25519; checked by the server only");
    else say(panel, "signature", signed ? "holds" : "fails", signed ? "checked by the ledger\u2019s public key" : "not by the ledger\u2019s public key");

    if (leafHolds && rootHolds && signed !== false) {
      conclude(panel, "verified", "Verified in this browser", "This entry is in the ledger, as shown, under a checkpoint that the ledger\u2019s key signed.");
    } else {
      conclude(panel, "failed", "Verification failed", "This entry is not what the checkpoint covers. Keep this page and the proof, and tell who runs the ledger.");
    }
  }

  for (const panel of document.querySelectorAll("[data-proof]")) {
    if (!globalThis.crypto?.subtle) continue;
    verify(panel).catch((error) => conclude(panel, "failed", "Verification failed", `It could not be finished: ${error.message}.`));
  }
})();
