//! Each ecosystem's published pairs, and what holds of every order.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::Scheme;

mod tables;

const SCHEMES: [Scheme; 13] = [
    Scheme::Apk,
    Scheme::Bitnami,
    Scheme::Composer,
    Scheme::Dotted,
    Scheme::Dpkg,
    Scheme::Gem,
    Scheme::Go,
    Scheme::Maven,
    Scheme::NuGet,
    Scheme::Pep440,
    Scheme::Pub,
    Scheme::Rpm,
    Scheme::SemVer,
];

/// `left < right` a line, with `<`, `=` or `>`; lines may be comments.
fn pairs(table: &str) -> impl Iterator<Item = (&str, Ordering, &str)> {
    table.lines().filter(|line| !line.starts_with("//") && !line.starts_with('#')).filter_map(|line| {
        let line = line.split_once('#').filter(|(_, comment)| comment.starts_with(' ')).map_or(line, |(line, _)| line);
        let mut words = line.split_whitespace();
        let (left, sign, right) = (words.next()?, words.next()?, words.next()?);
        let order = match sign {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            ">" => Ordering::Greater,
            _ => return None,
        };
        Some((left, order, right))
    })
}

/// What a scheme says otherwise than the table, both ways round.
fn differences(scheme: Scheme, table: &str) -> (usize, String) {
    let (mut count, mut wrong) = (0, String::new());
    for (left, order, right) in pairs(table) {
        count += 1;
        for (one, other, expected) in [(left, right, order), (right, left, order.reverse())] {
            let found = scheme.compare(one, other);
            if found != Ok(expected) {
                let _ = writeln!(wrong, "{scheme}: {one} {other}: {found:?}, not {expected:?}");
            }
        }
    }
    (count, wrong)
}

#[test]
fn published_pairs_are_in_their_order() {
    for (scheme, table) in tables::PAIRS {
        let (count, wrong) = differences(scheme, table);
        assert!(count > 0, "{scheme} has no pairs");
        assert_eq!(wrong, "");
    }
}

#[test]
fn published_lists_ascend() {
    for (scheme, list) in tables::ASCENDING {
        let versions: Vec<&str> = list.split_whitespace().collect();
        for (at, low) in versions.iter().enumerate() {
            for high in &versions[at + 1..] {
                assert_eq!(scheme.compare(low, high), Ok(Ordering::Less), "{scheme}: {low} {high}");
                assert_eq!(scheme.compare(high, low), Ok(Ordering::Greater), "{scheme}: {high} {low}");
            }
        }
    }
}

#[test]
fn what_is_no_version_is_refused() {
    for (scheme, text) in tables::REFUSED {
        assert!(scheme.parse(text).is_err(), "{scheme}: {text:?}");
    }
    let long = "1".repeat(super::MAX_VERSION + 1);
    for scheme in SCHEMES {
        assert!(scheme.parse(&long).is_err(), "{scheme}");
    }
}

/// Pairs in files named as those of `google/osv-scalibr` (`semantic/testdata`), in the folder that `PROBITY_VERSION_VECTORS` names.
#[test]
fn pairs_in_a_folder_are_in_their_order() {
    let Some(folder) = std::env::var_os("PROBITY_VERSION_VECTORS") else {
        println!("not tried: PROBITY_VERSION_VECTORS names no folder of pairs");
        return;
    };
    let files = [
        ("alpine", Scheme::Apk),
        ("cran", Scheme::Dotted),
        ("debian", Scheme::Dpkg),
        ("maven", Scheme::Maven),
        ("nuget", Scheme::NuGet),
        ("packagist", Scheme::Composer),
        ("pub", Scheme::Pub),
        ("pypi", Scheme::Pep440),
        ("redhat", Scheme::Rpm),
        ("rubygems", Scheme::Gem),
        ("semver", Scheme::SemVer),
    ];
    let mut shares = Vec::new();
    for (name, scheme) in files {
        for suffix in ["", "-generated"] {
            let Ok(table) = std::fs::read_to_string(Path::new(&folder).join(format!("{name}-versions{suffix}.txt")))
            else {
                continue;
            };
            let (count, wrong) = differences(scheme, &table);
            println!("{name}{suffix}: {count} pairs, {} comparisons otherwise\n{wrong}", wrong.lines().count());
            shares.push((name, count, wrong.lines().count()));
        }
    }
    let (count, wrong) = shares.iter().fold((0, 0), |(count, wrong), (_, one, other)| (count + one, wrong + other));
    assert!(count > 0, "the folder has no file of pairs");
    // Two comparisons a pair. What is otherwise is known: those files follow other rules in corners (see the tables).
    assert!(wrong * 100 < count * 2, "{wrong} of {} comparisons are otherwise: {shares:?}", count * 2);
}

/// Pairs are compared by the programs of this machine, where there are any.
fn agrees(scheme: Scheme, pairs: &[(String, String)], program: impl Fn(&str, &str) -> Option<Ordering>) {
    let mut compared = 0;
    for (left, right) in pairs {
        let (Ok(ours), Some(theirs)) = (scheme.compare(left, right), program(left, right)) else { continue };
        assert_eq!(ours, theirs, "{scheme}: {left} {right}");
        compared += 1;
    }
    println!("{scheme}: {compared} pairs compared");
}

/// Samples of texts, the same in each run.
fn samples(form: &str, count: usize) -> Vec<(String, String)> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = proptest::string::string_regex(form).expect("a regular expression");
    let mut sample = || strategy.new_tree(&mut runner).expect("a sample").current();
    (0..count).map(|_| (sample(), sample())).collect()
}

#[test]
fn dpkg_agrees() {
    let compare = |left: &str, right: &str| {
        let holds = |relation: &str| {
            let output = Command::new("dpkg").args(["--compare-versions", left, relation, right]).output().ok()?;
            output.stderr.is_empty().then_some(output.status.success())
        };
        Some(match () {
            () if holds("lt")? => Ordering::Less,
            () if holds("gt")? => Ordering::Greater,
            () => Ordering::Equal,
        })
    };
    agrees(Scheme::Dpkg, &samples("(1:)?[01][0-9a.~+]{0,5}(-[0a~+.]{1,3})?", 60), compare);
}

#[test]
fn pythons_packaging_agrees() {
    let pairs = samples(
        "([01]!)?[01](\\.[0-2]){0,2}([-._]?(a|b|rc|c|pre)[-._]?[0-2]?)?([-._]?post[0-1]?|-[0-2])?([-._]?dev[0-2]?)?(\\+[a0](\\.[a0])?)?",
        2000,
    );
    let program = "import sys\nfrom packaging.version import Version\nfor line in sys.stdin:\n    a, b = map(Version, line.split())\n    print(1 if a > b else -1 if a < b else 0)";
    let lines: String = pairs.iter().map(|(left, right)| format!("{left} {right}\n")).collect();
    let child = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return };
    // It may have ended already, for want of the package.
    let _ = child.stdin.take().map(|mut input| input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("Python ends");
    if !output.status.success() {
        println!("not tried: Python has no packaging, or refuses a version");
        return;
    }
    let answers = String::from_utf8(output.stdout).expect("digits");
    for ((left, right), answer) in pairs.iter().zip(answers.lines()) {
        let expected = answer.parse::<i32>().expect("a digit").cmp(&0);
        assert_eq!(Scheme::Pep440.compare(left, right), Ok(expected), "{left} {right}");
    }
}

fn version() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-z.~^+_:!-]{1,12}",
        "[0-9]{1,3}(\\.[0-9]{1,3}){0,4}([-._]?(a|alpha|b|rc|dev|post|p|r|sp|x)[0-9]{0,2}){0,3}",
        ".{0,40}"
    ]
}

proptest! {
    #[test]
    fn an_order_is_an_order(one in version(), two in version(), three in version()) {
        for scheme in SCHEMES {
            let (Ok(one), Ok(two), Ok(three)) = (scheme.parse(&one), scheme.parse(&two), scheme.parse(&three)) else { continue };
            prop_assert_eq!(one.compare(&one), Some(Ordering::Equal));
            prop_assert_eq!(one.compare(&two), two.compare(&one).map(Ordering::reverse));
            // Those that their own tools do not order totally are left out.
            if matches!(scheme, Scheme::Maven | Scheme::Composer | Scheme::Apk | Scheme::Rpm | Scheme::Gem) {
                continue;
            }
            if one.compare(&two) != Some(Ordering::Greater) && two.compare(&three) != Some(Ordering::Greater) {
                prop_assert_ne!(one.compare(&three), Some(Ordering::Greater), "{}", scheme);
            }
        }
    }
}
