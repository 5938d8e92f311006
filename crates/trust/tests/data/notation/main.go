// Makes the envelopes that the tests of Notation read, with Notation's own library:
// `go run -mod=mod . > ../notation.json`. All certificates are valid from 2020 to 2120 unless their name says otherwise.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
)

const payload = `{"targetArtifact":{"annotations":{"env":"prod"},"digest":"sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333","mediaType":"application/vnd.oci.image.manifest.v1+json","size":3}}`

type envelope struct {
	Name      string `json:"name"`
	MediaType string `json:"mediaType"`
	Envelope  []byte `json:"envelope"`
	Root      string `json:"root"`
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	check(err)
	return at
}

func issue(template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	check(err)
	certificate, err := x509.ParseCertificate(der)
	check(err)
	return certificate
}

// chain makes a root and a leaf of it.
func chain(key, rootKey crypto.Signer, until time.Time) []*x509.Certificate {
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root", Organization: []string{"Acme"}},
		NotBefore: day("2020-01-01"), NotAfter: day("2120-01-01"), KeyUsage: x509.KeyUsageCertSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: 1,
	}
	root = issue(root, root, rootKey.Public(), rootKey)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "builder", Organization: []string{"Acme"}, Country: []string{"US"}, Province: []string{"WA"}},
		NotBefore:    day("2020-01-01"), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	return []*x509.Certificate{issue(leaf, root, key.Public(), rootKey), root}
}

func main() {
	var all []envelope
	add := func(name, mediaType string, key, rootKey crypto.Signer, change func(*signature.SignRequest), until time.Time) {
		certificates := chain(key, rootKey, until)
		signer, err := signature.NewLocalSigner(certificates, key)
		check(err)
		request := &signature.SignRequest{
			Payload:       signature.Payload{ContentType: "application/vnd.cncf.notary.payload.v1+json", Content: []byte(payload)},
			Signer:        signer,
			SigningTime:   day("2025-06-01"),
			SigningScheme: signature.SigningSchemeX509,
			SigningAgent:  "tests",
		}
		if change != nil {
			change(request)
		}
		made, err := signature.NewEnvelope(mediaType)
		check(err)
		bytes, err := made.Sign(request)
		check(err)
		root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificates[1].Raw})
		all = append(all, envelope{name, mediaType, bytes, string(root)})
	}
	elliptical := func(curve elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		check(err)
		return key
	}
	modular := func(bits int) crypto.Signer {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		check(err)
		return key
	}
	keys := map[string]crypto.Signer{
		"es256": elliptical(elliptic.P256()), "es384": elliptical(elliptic.P384()), "es512": elliptical(elliptic.P521()),
		"ps256": modular(2048), "ps384": modular(3072), "ps512": modular(4096),
	}
	always := day("2120-01-01")
	for _, mediaType := range []string{jws.MediaTypeEnvelope, cose.MediaTypeEnvelope} {
		for _, name := range []string{"es256", "es384", "es512", "ps256", "ps384", "ps512"} {
			add(name, mediaType, keys[name], keys[name], nil, always)
		}
		key, root := keys["es256"], keys["ps256"]
		add("expires 2025-06-02", mediaType, key, root, func(request *signature.SignRequest) {
			request.Expiry = day("2025-06-02")
		}, always)
		add("authority", mediaType, key, root, func(request *signature.SignRequest) {
			request.SigningScheme = signature.SigningSchemeX509SigningAuthority
		}, always)
		add("certificate until 2025-07-01", mediaType, key, root, nil, day("2025-07-01"))
		add("unknown critical attribute", mediaType, key, root, func(request *signature.SignRequest) {
			request.ExtendedSignedAttributes = []signature.Attribute{{Key: "com.example.must", Critical: true, Value: "x"}}
		}, always)
		add("other attribute", mediaType, key, root, func(request *signature.SignRequest) {
			request.ExtendedSignedAttributes = []signature.Attribute{{Key: "com.example.may", Critical: false, Value: "x"}}
		}, always)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	check(encoder.Encode(all))
}
