//! The header of a package (RPM file format, "Header Structure"): an index of tags and the data they point into.

use smol_str::SmolStr;

use crate::inventory::bytes::Bytes;
use crate::package::{OwnedFile, Package, PackageKind, SourcePackage};

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const LICENSE: u32 = 1014;
const ARCH: u32 = 1022;
const FILE_DIGESTS: u32 = 1035;
const SOURCE_RPM: u32 = 1044;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
const FILE_DIGEST_ALGORITHM: u32 = 5011;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

struct Header<'a> {
    index: Bytes<'a>,
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn new(blob: &'a [u8]) -> Option<Self> {
        let whole = Bytes::big(blob);
        let (count, length) = (whole.size(0)?, whole.size(4)?);
        let index = whole.slice(8, count.checked_mul(16)?)?;
        let data = whole.slice(8 + index.len(), length)?;
        Some(Self { index: Bytes::big(index), data })
    }

    /// The type, the number and the data of a tag.
    fn find(&self, tag: u32) -> Option<(u32, usize, &'a [u8])> {
        let at = (0..self.index.all.len()).step_by(16).find(|at| self.index.u32(*at) == Some(tag))?;
        let data = self.data.get(self.index.size(at + 8)?..)?;
        Some((self.index.u32(at + 4)?, self.index.size(at + 12)?, data))
    }

    fn strings(&self, tag: u32) -> Vec<&'a [u8]> {
        match self.find(tag) {
            Some((STRING | I18N_STRING, _, data)) => data.split(|byte| *byte == 0).take(1).collect(),
            // A text takes a byte at least: the number cannot be more than there are.
            Some((STRING_ARRAY, count, data)) => data.split(|byte| *byte == 0).take(count.min(data.len())).collect(),
            _ => Vec::new(),
        }
    }

    fn text(&self, tag: u32) -> Option<SmolStr> {
        let text = String::from_utf8_lossy(self.strings(tag).first()?).trim().to_owned();
        (!text.is_empty() && text != "(none)").then(|| text.into())
    }

    fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> {
        let (count, data) = match self.find(tag) {
            Some((INT32, count, data)) => (count, data),
            _ => (0, &[][..]),
        };
        (0..count).map_while(move |at| Bytes::big(data).u32(at * 4))
    }

    fn files(&self) -> Vec<OwnedFile> {
        let folders = self.strings(DIR_NAMES);
        let digests = self.strings(FILE_DIGESTS);
        // Without a number it is MD5, as it was at first (RFC 4880, 9.4).
        let algorithm = match self.numbers(FILE_DIGEST_ALGORITHM).next() {
            None | Some(1) => "md5",
            Some(2) => "sha1",
            Some(8) => "sha256",
            Some(9) => "sha384",
            Some(10) => "sha512",
            Some(_) => "unknown",
        };
        let names = self.strings(BASE_NAMES).into_iter().zip(self.numbers(DIR_INDEXES)).enumerate();
        names
            .filter_map(|(at, (base, folder))| {
                let folder = String::from_utf8_lossy(folders.get(usize::try_from(folder).ok()?)?);
                let path = format!("{}{}", folder.trim_start_matches('/'), String::from_utf8_lossy(base));
                let digest = digests.get(at).map(|digest| String::from_utf8_lossy(digest)).filter(|it| !it.is_empty());
                Some(OwnedFile { path: path.into(), digest: digest.map(|it| format!("{algorithm}:{it}").into()) })
            })
            .collect()
    }
}

/// The package of a header: `None` when the header is broken, `Some(None)` when it is of a key.
#[allow(clippy::option_option, reason = "broken and left out are two things, and one caller tells them apart")]
pub(super) fn package(blob: &[u8], path: &str) -> Option<Option<Package>> {
    let header = Header::new(blob)?;
    let (name, version, release) = (header.text(NAME)?, header.text(VERSION)?, header.text(RELEASE));
    if name == "gpg-pubkey" {
        return Some(None);
    }
    let full = match &release {
        Some(release) => format!("{version}-{release}"),
        None => version.to_string(),
    };
    let version = match header.numbers(EPOCH).next() {
        Some(epoch) if epoch > 0 => format!("{epoch}:{full}"),
        _ => full,
    };
    let mut package = Package::new(PackageKind::Rpm, name, version, path).with_licenses(header.text(LICENSE));
    package.architecture = header.text(ARCH);
    package.source = header.text(SOURCE_RPM).as_deref().and_then(source);
    package.files = header.files();
    Some(Some(package))
}

/// `name-version-release.src.rpm`
fn source(file: &str) -> Option<SourcePackage> {
    let stem = file.strip_suffix(".rpm")?;
    let (stem, _src) = stem.rsplit_once('.')?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some(SourcePackage { name: name.into(), version: format!("{version}-{release}").into() })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header with these tags.
    pub(in crate::inventory::rpm) fn header(tags: &[(u32, u32, &[&str], &[u32])]) -> Vec<u8> {
        let (mut index, mut data) = (Vec::new(), Vec::new());
        for (tag, kind, texts, numbers) in tags {
            let count = texts.len().max(numbers.len());
            for number in [*tag, *kind, u32::try_from(data.len()).unwrap(), u32::try_from(count).unwrap()] {
                index.extend(number.to_be_bytes());
            }
            texts.iter().for_each(|text| data.extend([text.as_bytes(), &[0]].concat()));
            numbers.iter().for_each(|number| data.extend(number.to_be_bytes()));
        }
        let count = u32::try_from(tags.len()).unwrap().to_be_bytes();
        [&count[..], &u32::try_from(data.len()).unwrap().to_be_bytes(), &index, &data].concat()
    }

    /// A small package of this name.
    pub(in crate::inventory::rpm) fn named(name: &str) -> Vec<u8> {
        header(&[(NAME, STRING, &[name], &[]), (VERSION, STRING, &["1"], &[]), (RELEASE, STRING, &["2.fc40"], &[])])
    }

    #[test]
    fn a_package_is_read() {
        let blob = header(&[
            (NAME, STRING, &["openssl-libs"], &[]),
            (VERSION, STRING, &["3.0.7"], &[]),
            (RELEASE, STRING, &["27.el9"], &[]),
            (EPOCH, INT32, &[], &[1]),
            (LICENSE, STRING, &["ASL 2.0"], &[]),
            (ARCH, STRING, &["x86_64"], &[]),
            (SOURCE_RPM, STRING, &["openssl-3.0.7-27.el9.src.rpm"], &[]),
            (DIR_INDEXES, INT32, &[], &[1, 0]),
            (BASE_NAMES, STRING_ARRAY, &["libssl.so.3", "openssl.cnf"], &[]),
            (DIR_NAMES, STRING_ARRAY, &["/etc/pki/tls/", "/usr/lib64/"], &[]),
            (FILE_DIGESTS, STRING_ARRAY, &["ab", ""], &[]),
            (FILE_DIGEST_ALGORITHM, INT32, &[], &[8]),
        ]);
        let package = package(&blob, "rpmdb").unwrap().unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str()), ("openssl-libs", "1:3.0.7-27.el9"));
        let source = package.source.unwrap();
        assert_eq!((source.name.as_str(), source.version.as_str()), ("openssl", "3.0.7-27.el9"));
        let files: Vec<_> = package.files.iter().map(|file| (&*file.path, file.digest.as_deref())).collect();
        assert_eq!(files, [("usr/lib64/libssl.so.3", Some("sha256:ab")), ("etc/pki/tls/openssl.cnf", None)]);
    }

    #[test]
    fn keys_are_left_out_and_broken_headers_told() {
        assert_eq!(package(&named("gpg-pubkey"), "it"), Some(None));
        assert_eq!(package(&named("bash")[..30], "it"), None);
        assert_eq!(package(&[0xff; 64], "it"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(mut blob in Just(named("bash")), at in 0..60_usize, byte in any::<u8>(), cut in 0..80_usize) {
            let at = at % blob.len();
            blob[at] = byte;
            let _ = package(&blob, "it");
            let _ = package(&blob[..cut.min(blob.len())], "it");
        }
    }
}
