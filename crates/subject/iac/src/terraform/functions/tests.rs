//! Functions by what they give; the values are those of the `tofu console`.

use probity_model::json;

use crate::terraform::tests::attribute;

const CASES: &[(&str, &str)] = &[
    (r#"regex("[a-z]+", "53453453.345345aaabbbccc23454")"#, r#""aaabbbccc""#),
    (r#"regex("(\\d\\d\\d\\d)-(\\d\\d)-(\\d\\d)", "2019-02-01")"#, r#"["2019","02","01"]"#),
    (
        r#"regex("^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?", "https://terraform.io/docs/").scheme"#,
        r#""https""#,
    ),
    (r#"try(regex("[0-9]", "abc"), "none")"#, r#""none""#),
    (r#"regexall("[a-z]+", "1234abcd5678efgh9")"#, r#"["abcd","efgh"]"#),
    (r#"length(regexall("[a-z]+", "123456789"))"#, "0"),
    (r#"replace("hello world", "/w.*d/", "everybody")"#, r#""hello everybody""#),
    (r#"replace("abc-123", "/([a-z]+)-([0-9]+)/", "$2-$1")"#, r#""123-abc""#),
    (r#"formatlist("Hello, %s!", ["Ann", "Bob"])"#, r#"["Hello, Ann!","Hello, Bob!"]"#),
    (r#"formatlist("%s-%d", "a", [1, 2])"#, r#"["a-1","a-2"]"#),
    (r#"cidrhost("10.12.112.0/20", 16)"#, r#""10.12.112.16""#),
    (r#"cidrhost("10.12.112.0/20", 268)"#, r#""10.12.113.12""#),
    (r#"cidrhost("10.12.112.0/20", -1)"#, r#""10.12.127.255""#),
    (r#"cidrhost("fd00:fd12:3456:7890:00a2::/72", 34)"#, r#""fd00:fd12:3456:7890::22""#),
    (r#"cidrnetmask("172.16.0.0/12")"#, r#""255.240.0.0""#),
    (r#"cidrsubnet("172.16.0.0/12", 4, 2)"#, r#""172.18.0.0/16""#),
    (r#"cidrsubnet("10.1.2.0/24", 4, 15)"#, r#""10.1.2.240/28""#),
    (r#"cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)"#, r#""fd00:fd12:3456:7800:a200::/72""#),
    (r#"cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)"#, r#"["10.1.0.0/20","10.1.16.0/20","10.1.32.0/24","10.1.48.0/20"]"#),
    (
        r#"[for cidr in cidrsubnets("10.0.0.0/8", 8, 8) : cidrsubnets(cidr, 4, 4)]"#,
        r#"[["10.0.0.0/20","10.0.16.0/20"],["10.1.0.0/20","10.1.16.0/20"]]"#,
    ),
    (r#"try(cidrsubnet("10.0.0.0/24", 4, 16), "no room")"#, r#""no room""#),
    (r#"try(cidrsubnet("10.0.0.0/30", 4, 0), "too long")"#, r#""too long""#),
    (r#"md5("hello world")"#, r#""5eb63bbbe01eeed093cb22bb8f5acdc3""#),
    (r#"sha1("hello world")"#, r#""2aae6c35c94fcfb415dbe95f408b9ce91ee846ed""#),
    (r#"sha256("hello world")"#, r#""b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9""#),
    (r#"base64sha256("hello world")"#, r#""uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=""#),
    (r#"uuidv5("dns", "www.terraform.io")"#, r#""a5008fae-b28c-5ba5-96cd-82b4c53552d6""#),
    (r#"base64encode("Hello World")"#, r#""SGVsbG8gV29ybGQ=""#),
    (r#"base64decode("SGVsbG8gV29ybGQ=")"#, r#""Hello World""#),
    (r#"textencodebase64("Hello World", "UTF-16LE")"#, r#""SABlAGwAbABvACAAVwBvAHIAbABkAA==""#),
    (r#"textdecodebase64("SABlAGwAbABvACAAVwBvAHIAbABkAA==", "UTF-16LE")"#, r#""Hello World""#),
    (r#"urlencode("Hello World!")"#, r#""Hello+World%21""#),
    (r#"urlencode("☃")"#, r#""%E2%98%83""#),
    (r#"csvdecode("a,b,c\n1,2,3\n4,\"5,5\",6\n")"#, r#"[{"a":"1","b":"2","c":"3"},{"a":"4","b":"5,5","c":"6"}]"#),
    (r#"yamlencode({"a" = "b", "c" = "d"})"#, r#""\"a\": \"b\"\n\"c\": \"d\"\n""#),
    (
        r#"yamlencode({foo = [1, {a = "b", c = "d"}, 3], bar = "baz"})"#,
        r#""\"bar\": \"baz\"\n\"foo\":\n- 1\n- \"a\": \"b\"\n  \"c\": \"d\"\n- 3\n""#,
    ),
    ("yamlencode({a = {b = 1}, e = [], o = {}})", r#""\"a\":\n  \"b\": 1\n\"e\": []\n\"o\": {}\n""#),
    (r#"yamldecode("{a: [1, true]}")"#, r#"{"a":[1,true]}"#),
    (r#"timeadd("2017-11-22T00:00:00Z", "10m")"#, r#""2017-11-22T00:10:00Z""#),
    (r#"timeadd("2017-11-22T01:00:00+01:00", "-1h30m")"#, r#""2017-11-21T23:30:00+01:00""#),
    (r#"timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00Z")"#, "-1"),
    (r#"timecmp("2017-11-22T01:00:00+01:00", "2017-11-22T00:00:00Z")"#, "0"),
    (r#"formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")"#, r#""02 Jan 2018 23:12 UTC""#),
    (r#"formatdate("EEEE, DD-MMM-YY hh:mm:ss ZZZ", "2018-01-02T23:12:01Z")"#, r#""Tuesday, 02-Jan-18 23:12:01 UTC""#),
    (
        r#"formatdate("EEE, DD MMM YYYY hh:mm:ss ZZZ", "2018-01-02T23:12:01-08:00")"#,
        r#""Tue, 02 Jan 2018 23:12:01 -0800""#,
    ),
    (r#"formatdate("MMM DD, YYYY", "2018-01-02T23:12:01Z")"#, r#""Jan 02, 2018""#),
    (r#"formatdate("HH:mmaa", "2018-01-02T23:12:01Z")"#, r#""11:12pm""#),
    (r#"formatdate("h'h'm'm'", "2018-01-02T03:04:01Z")"#, r#""3h4m""#),
    ("signum(-13)", "-1"),
    ("signum(0)", "0"),
    ("log(16, 2)", "4"),
    ("pow(3, 2)", "9"),
    ("pow(4, 0)", "1"),
    (
        r#"matchkeys(["i-123", "i-abc", "i-def"], ["us-west", "us-east", "us-east"], ["us-east"])"#,
        r#"["i-abc","i-def"]"#,
    ),
    (r#"transpose({"a" = ["1", "2"], "b" = ["2", "3"]})"#, r#"{"1":["a"],"2":["a","b"],"3":["b"]}"#),
    (r#"dirname("foo/bar/baz.txt")"#, r#""foo/bar""#),
    (r#"basename("foo/bar/baz.txt")"#, r#""baz.txt""#),
    (r#"try(element(null, 0), "none")"#, r#""none""#),
    ("try(keys(null), [])", "[]"),
    ("can(reverse(null))", "false"),
];

#[test]
fn functions_as_in_the_console() {
    let wrong: Vec<String> = CASES
        .iter()
        .map(|(expression, expected)| (expression, expected, attribute(expression)))
        .filter(|(_, expected, found)| *expected != found)
        .map(|(expression, expected, found)| format!("{expression}\n  expected {expected}\n  found    {found}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_only_apply_can_answer_is_unknown() {
    for expression in ["timestamp()", "uuid()", r#"bcrypt("x")"#, r#"file("/etc/hostname")"#, "sha256(timestamp())"] {
        assert!(
            attribute(expression).starts_with(r#"{"$unknown""#) || attribute(expression).contains("unknown"),
            "{expression}: {}",
            attribute(expression)
        );
    }
}

#[test]
fn files_within_what_is_scanned_are_read_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("outside.txt", "secret");
    write("in/module/text.txt", "hello");
    write("in/module/users.tftpl", "%{ for user in users ~}\n${user}=${upper(greeting)}\n%{ endfor ~}\n");
    write("in/module/again.tftpl", "${templatefile(\"again.tftpl\", {})}");
    write(
        "in/module/main.tf",
        r#"resource "t" "r" {
  plain    = file("${path.module}/text.txt")
  relative = file("text.txt")
  encoded  = filebase64("${path.root}/text.txt")
  digest   = filemd5("text.txt")
  there    = fileexists("text.txt")
  missing  = fileexists("other.txt")
  set      = fileset(path.module, "*.tftpl")
  rendered = templatefile("${path.module}/users.tftpl", {users = ["a", "b"], greeting = "hi"})
  outside  = file("${path.module}/../../outside.txt")
  endless  = templatefile("again.tftpl", {})
}
"#,
    );
    let sources = probity_model::Sources::default();
    let tree =
        crate::read_paths(&[folder.path().join("in")], &sources, &crate::ReadOptions::default(), &|_| {}).unwrap();
    let document = &tree.graph.subjects()[0].document;
    for (name, expected) in [
        ("plain", r#""hello""#),
        ("relative", r#""hello""#),
        ("encoded", r#""aGVsbG8=""#),
        ("digest", r#""5d41402abc4b2a76b9719d911017c592""#),
        ("there", "true"),
        ("missing", "false"),
        ("set", r#"["again.tftpl","users.tftpl"]"#),
        ("rendered", r#""a=HI\nb=HI\n""#),
    ] {
        assert_eq!(document.get(name).map(json::write).as_deref(), Some(expected), "{name}");
    }
    for name in ["outside", "endless"] {
        assert!(matches!(document.get(name), Some(probity_model::Value::Unknown(_))), "{name}: {document:?}");
    }
}
