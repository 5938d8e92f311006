//! Programs that say what they were built from: those of Go (`debug/buildinfo`) and of Rust (`cargo auditable`).

use std::io::Read;

use object::{Architecture, Endianness, Object, ObjectSection, ObjectSegment};
use serde::Deserialize;
use smol_str::SmolStr;

use crate::package::{Package, PackageKind};

const GO_MAGIC: &[u8] = b"\xff Go buildinf:";
const GO_ALIGN: usize = 16;
const GO_HEAD: usize = 32;

/// Largest list of what a Rust program is made of.
const MAX_LIST: u64 = 8 << 20;

/// Whether these first bytes are of a program: ELF, PE or Mach-O (also of several architectures; files of Java classes have the
/// same first bytes and a larger number after them).
pub(super) fn is_program(head: &[u8]) -> bool {
    match head {
        [0x7f, b'E', b'L', b'F', ..]
        | [b'M', b'Z', ..]
        | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
        | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => true,
        [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, count, ..] => *count < 20,
        _ => false,
    }
}

/// What a program says it was built from. What is no whole program says nothing.
pub(super) fn packages(bytes: &[u8], path: &str) -> Result<Vec<Package>, String> {
    let mut packages = Vec::new();
    for part in parts(bytes) {
        let Ok(file) = object::File::parse(part) else { continue };
        if let Some((version, modules)) = go_info(&file) {
            packages.extend(go_packages(&version, &modules, &file, path));
        }
        if let Some(list) = rust_list(&file)? {
            packages.extend(list.packages(path));
        }
    }
    Ok(packages)
}

/// The programs in a file: one, or one for each architecture.
fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    use object::read::macho::{FatArch, MachOFatFile32};
    if !bytes.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) {
        return vec![bytes];
    }
    // What is for another architecture was built from the same: the first tells of all.
    let fat = MachOFatFile32::parse(bytes).ok();
    fat.and_then(|fat| fat.arches().first()?.data(bytes).ok()).into_iter().collect()
}

/// The version of Go and the list of modules.
fn go_info(file: &object::File<'_>) -> Option<(String, String)> {
    let data = go_section(file)?;
    let at = memchr_aligned(data)?;
    let head = data.get(at..at + GO_HEAD)?;
    let (width, flags) = (usize::from(head[14]), head[15]);
    let (version, modules) = if flags & 2 == 0 {
        let big = flags & 1 != 0;
        let pointer = |at: usize| read_word(head.get(at..at + width)?, big);
        (go_string(file, pointer(16)?, width, big)?, go_string(file, pointer(16 + width)?, width, big)?)
    } else {
        let (version, rest) = prefixed(&data[at + GO_HEAD..])?;
        (version.to_vec(), prefixed(rest)?.0.to_vec())
    };
    // The list stands between marks of sixteen bytes.
    let list = match modules.len() {
        length if length >= 33 && modules[length - 17] == b'\n' => &modules[16..length - 16],
        _ => &[][..],
    };
    Some((String::from_utf8_lossy(&version).into_owned(), String::from_utf8_lossy(list).into_owned()))
}

fn go_section<'a>(file: &object::File<'a>) -> Option<&'a [u8]> {
    for name in [".go.buildinfo", "__go_buildinfo"] {
        if let Some(section) = file.section_by_name(name) {
            return section.data().ok();
        }
    }
    // A PE has it at the start of its data, and so has what was linked by another linker.
    let section = file.section_by_name(".data").or_else(|| file.section_by_name("__data"))?;
    section.data().ok()
}

fn memchr_aligned(data: &[u8]) -> Option<usize> {
    let most = data.len().min(1 << 20);
    (0..most).step_by(GO_ALIGN).find(|at| data[*at..].starts_with(GO_MAGIC))
}

fn read_word(bytes: &[u8], big: bool) -> Option<u64> {
    match (bytes.len(), big) {
        (8, true) => Some(u64::from_be_bytes(bytes.try_into().ok()?)),
        (8, false) => Some(u64::from_le_bytes(bytes.try_into().ok()?)),
        (4, true) => Some(u32::from_be_bytes(bytes.try_into().ok()?).into()),
        (4, false) => Some(u32::from_le_bytes(bytes.try_into().ok()?).into()),
        _ => None,
    }
}

/// A string of Go at an address: another address and a length.
fn go_string(file: &object::File<'_>, address: u64, width: usize, big: bool) -> Option<Vec<u8>> {
    let head = at_address(file, address, 2 * width as u64)?;
    let text = read_word(head.get(..width)?, big)?;
    let length = read_word(head.get(width..)?, big)?;
    Some(at_address(file, text, length)?.to_vec())
}

fn at_address<'a>(file: &object::File<'a>, address: u64, length: u64) -> Option<&'a [u8]> {
    file.segments().find_map(|segment| segment.data_range(address, length).ok().flatten())
}

/// Bytes that their length, as Go's `Uvarint`, precedes.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return bytes[at + 1..].split_at_checked(usize::try_from(length).ok()?);
        }
    }
    None
}

/// The modules of a list (`debug.BuildInfo.String`): `mod`, `dep` and `=>` lines of tabs, and settings.
fn go_packages(version: &str, list: &str, file: &object::File<'_>, path: &str) -> Vec<Package> {
    let mut modules: Vec<(&str, SmolStr)> = Vec::new();
    let (mut revision, mut time, mut main) = (None, None, None);
    for line in list.lines() {
        let mut fields = line.split('\t');
        match (fields.next(), fields.next(), fields.next()) {
            (Some("mod"), Some(path), version) => {
                main = Some(modules.len());
                modules.push((path, version.unwrap_or_default().into()));
            }
            (Some("dep"), Some(path), version) => modules.push((path, version.unwrap_or_default().into())),
            // It stands for the one before.
            (Some("=>"), Some(path), version) => {
                if let Some(last) = modules.last_mut() {
                    let version = version.unwrap_or_default();
                    // A folder has no version and no name of its own.
                    *last = if version.is_empty() { (last.0, last.1.clone()) } else { (path, version.into()) };
                }
            }
            (Some("build"), Some(setting), _) => match setting.split_once('=') {
                Some(("vcs.revision", value)) => revision = Some(value),
                Some(("vcs.time", value)) => time = Some(value),
                _ => {}
            },
            _ => {}
        }
    }
    if let Some((_, version)) = main.and_then(|main| modules.get_mut(main)).filter(|(_, version)| version == "(devel)")
    {
        *version = pseudo_version(revision, time).unwrap_or_default();
    }
    let architecture = architecture(file);
    let stdlib = version.split_ascii_whitespace().next().filter(|version| version.starts_with("go"));
    let stdlib = stdlib.map(|version| ("stdlib", SmolStr::new(version)));
    let package = |(name, version): (&str, SmolStr)| {
        let mut package = Package::new(PackageKind::Golang, name, version, path);
        package.architecture.clone_from(&architecture);
        package
    };
    stdlib.into_iter().chain(modules).map(package).collect()
}

/// A version for what was built without one: `v0.0.0-20260102030405-abcdefabcdef`.
fn pseudo_version(revision: Option<&str>, time: Option<&str>) -> Option<SmolStr> {
    let time: String = time?.split('.').next()?.chars().filter(char::is_ascii_digit).take(14).collect();
    let revision = revision?.get(..12)?;
    (time.len() == 14).then(|| format!("v0.0.0-{time}-{revision}").into())
}

fn architecture(file: &object::File<'_>) -> Option<SmolStr> {
    let little = file.endianness() == Endianness::Little;
    Some(SmolStr::new_static(match file.architecture() {
        Architecture::X86_64 => "amd64",
        Architecture::Aarch64 => "arm64",
        Architecture::I386 => "386",
        Architecture::Arm => "arm",
        Architecture::PowerPc64 if little => "ppc64le",
        Architecture::S390x => "s390x",
        Architecture::Riscv64 => "riscv64",
        _ => return None,
    }))
}

/// What `cargo auditable` writes.
#[derive(Deserialize)]
struct RustList {
    packages: Vec<RustPackage>,
}

#[derive(Deserialize)]
struct RustPackage {
    name: SmolStr,
    version: SmolStr,
    #[serde(default)]
    kind: RustKind,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum RustKind {
    Build,
    #[default]
    Runtime,
    #[serde(other)]
    Other,
}

impl RustList {
    /// What is in the program; what only built it is not.
    fn packages(self, path: &str) -> impl Iterator<Item = Package> {
        let there = self.packages.into_iter().filter(|package| package.kind != RustKind::Build);
        there.map(move |package| Package::new(PackageKind::Cargo, package.name, package.version, path))
    }
}

fn rust_list(file: &object::File<'_>) -> Result<Option<RustList>, String> {
    let section = [".dep-v0", "rust-deps-v0"].iter().find_map(|name| file.section_by_name(name));
    let Some(data) = section.and_then(|section| section.data().ok()) else { return Ok(None) };
    let mut text = Vec::new();
    let mut unpacked = flate2::read::ZlibDecoder::new(data).take(MAX_LIST);
    unpacked.read_to_end(&mut text).map_err(|error| format!("its list of crates is broken: {error}"))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| format!("its list of crates is broken: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// An ELF file for amd64 with one section and one segment that shows it at the address 0x10000.
    fn elf(section: &str, data: &[u8]) -> Vec<u8> {
        let names = [b"\0.shstrtab\0", section.as_bytes(), b"\0"].concat();
        let data_at = 64 + 56;
        let names_at = data_at + data.len();
        let sections_at = (names_at + names.len()).next_multiple_of(8);
        let u64s = |value: usize| (value as u64).to_le_bytes();
        let mut file = [0x7f, b'E', b'L', b'F', 2, 1, 1, 0].to_vec();
        file.resize(16, 0);
        file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
        file.extend([[0; 8], u64s(64), u64s(sections_at)].concat());
        file.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 3, 0, 1, 0]);
        file.extend([1, 0, 0, 0, 4, 0, 0, 0]);
        file.extend(
            [u64s(data_at), u64s(0x10000), u64s(0x10000), u64s(data.len()), u64s(data.len()), u64s(8)].concat(),
        );
        file.extend(data);
        file.extend(&names);
        file.resize(sections_at, 0);
        file.extend([0; 64]);
        for (name, kind, address, at, size) in
            [(1_u32, 3_u32, 0, names_at, names.len()), (11, 1, 0x10000, data_at, data.len())]
        {
            file.extend([name.to_le_bytes(), kind.to_le_bytes()].concat());
            file.extend([u64s(0), u64s(address), u64s(at), u64s(size), [0; 8], u64s(1), [0; 8]].concat());
        }
        file
    }

    const MODULES: &str = "path\texample.com/app\nmod\texample.com/app\t(devel)\t\ndep\tgithub.com/a/b\tv1.2.3\th1:x=\n\
                           dep\tgithub.com/c/d\tv1.0.0\n=>\tgithub.com/fork/d\tv1.0.1\th1:y=\ndep\tx.org/local\tv0.1.0\n=>\t./local\n\
                           build\tvcs.revision=0123456789abcdef\nbuild\tvcs.time=2026-01-02T03:04:05Z\n";

    fn marked() -> Vec<u8> {
        [&[b'<'; 16][..], MODULES.as_bytes(), &[b'>'; 16]].concat()
    }

    fn inline() -> Vec<u8> {
        let mut data = [GO_MAGIC, &[8, 2], &[0; 16]].concat();
        data.extend([&[6], &b"go1.22"[..]].concat());
        let list = marked();
        data.extend([u8::try_from(list.len() & 0x7f).unwrap() | 0x80, u8::try_from(list.len() >> 7).unwrap()]);
        data.extend(list);
        data
    }

    fn pointers() -> Vec<u8> {
        let list = marked();
        let (version_head, list_head, texts) = (0x10020_u64, 0x10030_u64, 0x10040_u64);
        let mut data = [GO_MAGIC, &[8, 0]].concat();
        for word in [version_head, list_head, texts, 6, texts + 6, list.len() as u64] {
            data.extend(word.to_le_bytes());
        }
        data.extend(b"go1.17");
        data.extend(list);
        data
    }

    #[test]
    fn both_forms_of_go_are_read() {
        for (data, version) in [(inline(), "go1.22"), (pointers(), "go1.17")] {
            let packages = packages(&elf(".go.buildinfo", &data), "bin/app").unwrap();
            let found: Vec<_> = packages.iter().map(|it| format!("{}@{}", it.name, it.version)).collect();
            let expected = [
                &format!("stdlib@{version}"),
                "example.com/app@v0.0.0-20260102030405-0123456789ab",
                "github.com/a/b@v1.2.3",
                "github.com/fork/d@v1.0.1",
                "x.org/local@v0.1.0",
            ];
            assert_eq!(found, expected);
            assert_eq!(packages[0].purl, format!("pkg:golang/stdlib@{}", &version[2..]));
            assert_eq!(packages[0].architecture.as_deref(), Some("amd64"));
        }
    }

    #[test]
    fn rust_programs_are_read() {
        let list = r#"{"packages":[{"name":"app","version":"0.1.0","source":"local","root":true},
            {"name":"cc","version":"1.0.0","kind":"build"},{"name":"serde","version":"1.0.1","source":"crates.io"}]}"#;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(list.as_bytes()).unwrap();
        let found = packages(&elf(".dep-v0", &encoder.finish().unwrap()), "bin/app").unwrap();
        let purls: Vec<&str> = found.iter().map(|package| package.purl.as_str()).collect();
        assert_eq!(purls, ["pkg:cargo/app@0.1.0", "pkg:cargo/serde@1.0.1"]);
        assert!(packages(&elf(".dep-v0", b"broken"), "bin/app").unwrap_err().contains("list of crates"));
    }

    #[test]
    fn programs_are_told_from_other_files() {
        assert!(is_program(b"\x7fELF\x02\x01\x01\0") && is_program(b"MZ\x90\0\0\0\0\0"));
        assert!(!is_program(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 0x34]) && !is_program(b"#!/bin/s"));
    }

    proptest! {
        #[test]
        fn nothing_panics(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            form in 0..2_u8,
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = elf(".go.buildinfo", &if form == 0 { inline() } else { pointers() });
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = packages(&bytes[..cut.index(bytes.len())], "it");
            let _ = packages(&bytes, "it");
        }
    }
}
