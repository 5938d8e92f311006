//! Pairs and lists that the ecosystems publish for their own tools: facts of their test suites, and some of our own.

use super::Scheme;

/// `left < right`, `=` or `>` a line.
pub(super) const PAIRS: [(Scheme, &str); 13] = [
    (Scheme::Apk, include_str!("pairs/apk.txt")),
    (Scheme::Bitnami, include_str!("pairs/bitnami.txt")),
    (Scheme::Composer, include_str!("pairs/composer.txt")),
    (Scheme::Dotted, include_str!("pairs/dotted.txt")),
    (Scheme::Dpkg, include_str!("pairs/dpkg.txt")),
    (Scheme::Gem, include_str!("pairs/gem.txt")),
    (Scheme::Go, include_str!("pairs/go.txt")),
    (Scheme::Maven, include_str!("pairs/maven.txt")),
    (Scheme::NuGet, include_str!("pairs/nuget.txt")),
    (Scheme::Pep440, include_str!("pairs/pep440.txt")),
    (Scheme::Pub, include_str!("pairs/pub.txt")),
    (Scheme::Rpm, include_str!("pairs/rpm.txt")),
    (Scheme::SemVer, include_str!("pairs/semver.txt")),
];

/// Each earlier than all that follow it.
pub(super) const ASCENDING: [(Scheme, &str); 9] = [
    (
        Scheme::SemVer,
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 \
         1.0.1 1.2.0 2.0.0 10.0.0",
    ),
    (
        Scheme::Maven,
        "1-alpha2snapshot 1-alpha2 1-alpha-123 1-beta-2 1-beta123 1-m2 1-m11 1-rc 1-cr2 1-rc123 1-SNAPSHOT 1 \
         1-sp 1-sp2 1-sp123 1-abc 1-def 1-pom-1 1-1-snapshot 1-1 1-2 1-123",
    ),
    (
        Scheme::Pep440,
        "1.0.dev0 1.0.dev456 1.0.dev456+local 1.0a0 1.0a0.post0.dev0 1.0a0.post0 1.0a1.dev1 1.0a1.dev1+local \
         1.0a1 1.0a1+local 1.0b0 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345 1.0b2-346 1.0rc0 \
         1.0rc1.dev1 1.0c1 1.0rc2 1.0 1.0.post0.dev0 1.0.post0 1.0.post456.dev34 1.0.post456 \
         1.0.post456+local 1.0.1.dev1 1.0.1a1 1.0.1 1.0.1+local 1.0.1.post1 1.1.dev1 1.2+a 1.2+abc 1.2+abcdef \
         1.2+def 1.2+0 1.2+1 1.2+1.abc 1.2+1.1 1.2+1.1.0 1.2+2 1.2+123 1.2+123456 1.2.r32+123456 \
         1.2.rev33+123456 1!1.0.dev0 1!1.0a1 1!1.0 1!1.2.rev33+123456",
    ),
    (Scheme::Gem, "1.0.0-alpha 1.0.0-alpha.1 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1.a 1.0.1"),
    (
        Scheme::Maven,
        "2.0 2.0.a 2-1 2.0.2 2.0.123 2.1.0 2.1-a 2.1b 2.1-c 2.1-1 2.1.0.1 2.2 2.123 11.a2 11.a11 11.b2 11.b11 \
         11.m2 11.m11 11 11.a 11b 11c 11m",
    ),
    (Scheme::Composer, "dev-main 1.0.0-dev 1.0.0-alpha1 1.0.0-alpha2 1.0.0-beta1 1.0.0-RC1 1.0.0 1.0.0-p1 1.0.1"),
    (Scheme::NuGet, "1.0.0-alpha 1.0.0-ALPHA.1 1.0.0-beta 1.0.0 1.0.0.1 1.0.1"),
    (Scheme::Apk, "1.0_alpha 1.0_alpha2 1.0_beta 1.0_pre1 1.0_rc1 1.0 1.0_cvs1 1.0_svn1 1.0_git1 1.0_hg1 1.0_p1 1.0.1"),
    (Scheme::Rpm, "1.0~rc1~git123 1.0~rc1 1.0~rc1^git1 1.0 1.0^git1~pre 1.0^git1 1.0.1"),
];

/// What the ecosystems' own tools refuse.
pub(super) const REFUSED: [(Scheme, &str); 32] = [
    (Scheme::Pep440, "french toast"),
    (Scheme::Pep440, "1.0+a+"),
    (Scheme::Pep440, "1.0++"),
    (Scheme::Pep440, "1.0+_foobar"),
    (Scheme::Pep440, "1.0+foo&asd"),
    (Scheme::Pep440, "1.0+1+1"),
    (Scheme::Pep440, "1. 0"),
    (Scheme::Pep440, "1.0 a1"),
    (Scheme::Pep440, "1.0a 1"),
    (Scheme::Pep440, "."),
    (Scheme::Pep440, ".."),
    (Scheme::Pep440, "1..0"),
    (Scheme::Pep440, "1.0."),
    (Scheme::Pep440, ".1.0"),
    (Scheme::Pep440, "1..2.3"),
    (Scheme::Pep440, "2012g-x"),
    (Scheme::Pep440, "1.0+\u{130}"),
    (Scheme::Pep440, "\u{660}\u{661}.1"),
    (Scheme::Dpkg, "10a:5.2"),
    (Scheme::Dpkg, "5.2@3-2"),
    (Scheme::Dpkg, ""),
    (Scheme::Gem, "junk"),
    (Scheme::Gem, "1.0 2.0"),
    (Scheme::SemVer, "bad"),
    (Scheme::SemVer, ""),
    (Scheme::Go, "latest"),
    (Scheme::Apk, "a"),
    (Scheme::Apk, ".1"),
    (Scheme::Apk, "_pre1"),
    (Scheme::Dotted, "1.a"),
    (Scheme::Rpm, ""),
    (Scheme::Maven, ""),
];
