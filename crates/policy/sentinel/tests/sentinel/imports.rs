//! Standard imports.

use std::collections::BTreeMap;

use probity_model::Sources;
use probity_policy_sentinel::{Evaluation, Host, HttpRequest, HttpResponse, Import, Policy, Verdict};

use crate::support::{check, policy};

/// Holds expressions that use one import against a table.
fn with(import: &str, cases: &[(&str, &str)]) {
    let cases: Vec<(String, &str)> =
        cases.iter().map(|(text, expected)| (format!("import \"{import}\" as i\nx = {text}"), *expected)).collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(text, expected)| (text.as_str(), *expected)).collect();
    check(&cases);
}

#[test]
fn strings() {
    with(
        "strings",
        &[
            ("i.has_prefix(\"billing-id\", \"billing-\")", "true"),
            ("i.has_suffix(\"billing-name\", \"id\")", "false"),
            ("i.join([[\"a\", 1], 1.01, true], \",\")", "\"a,1,1.01,true\""),
            ("i.split(\"a,b\", \",\")", "[\"a\", \"b\"]"),
            ("i.split([\"a\"], \",\")", "[\"a\"]"),
            ("i.trim_prefix(\"bill-id\", \"billing-\")", "\"bill-id\""),
            ("i.trim_suffix(\"billing-id\", \"-id\")", "\"billing\""),
            ("i.to_lower(\"FoO\") + i.to_upper(\"o\")", "\"fooO\""),
            ("i.replace(\"aaa\", \"a\", \"b\", 2)", "\"bba\""),
            ("i.trim(\"xxaxx\", \"x\")", "\"a\""),
            ("i.trim_left(\"xxaxx\", \"x\")", "\"axx\""),
            ("i.trim_right(\"xxaxx\", \"x\")", "\"xxa\""),
            ("i.trim_space(\" a\\n\")", "\"a\""),
            ("i.has_prefix(undefined, \"a\")", "undefined"),
            ("i.has_prefix(1, \"a\")", "error: must be a string, got int"),
            ("i.has_prefix(\"a\")", "error: takes 2 argument"),
        ],
    );
}

#[test]
fn collections() {
    with(
        "collection",
        &[
            ("i.filter([1, 2, 3], func(n) { return n > 1 })", "[2, 3]"),
            ("i.reject({\"a\": 1, \"b\": 2}, func(n) { return n is 1 })", "[2]"),
            ("i.find([1, 2], func(n, at) { return at is 1 })", "2"),
            ("i.find([1], func(n) { return n is 9 })", "undefined"),
            (
                "i.find([1], func(n) { return undefined })",
                "error: find predicate must return boolean value, got undefined",
            ),
            (
                "i.matches([{\"a\": {\"b\": 1, \"c\": 2}}, {\"a\": 1}], {\"a\": {\"b\": 1}})",
                "[{\"a\": {\"b\": 1, \"c\": 2}}]",
            ),
            ("i.reduce([1, 2, 3], func(a, n) { return a + n })", "6"),
            ("i.reduce([1, 2], func(a, n) { return a + n }, 10)", "13"),
        ],
    );
    with(
        "collection/lists",
        &[
            ("i.concat([1], [2], [3])", "[1, 2, 3]"),
            ("i.difference([1, 2, 3], [2], [3])", "[1]"),
            ("i.diff([1, 2], [2])", "[1]"),
            ("i.intersection([1, 2, 2], [2, 3])", "[2]"),
            ("i.union([1, 2], [2, 3])", "[1, 2, 3]"),
            ("i.sort([\"z\", \"b\", \"h\"], func(a, b) { return compare(a, b) })", "[\"b\", \"h\", \"z\"]"),
            ("i.sum([2, 5, 10.5])", "17.5"),
        ],
    );
    with(
        "collection/maps",
        &[
            ("i.get({\"a\": [{\"b\": {\"c\": 4}}]}, \"a.0.b.c\")", "4"),
            ("i.get({\"a\": [{\"b\": 4}, {\"b\": 8}]}, \"a.*.b\")", "[4, 8]"),
            ("i.get({}, \"a\", \"d\")", "\"d\""),
            ("i.get({\"a\": null}, \"a\", \"d\")", "null"),
            ("i.get({\"a\": null}, \"a.b\", \"d\")", "\"d\""),
            ("i.get({}, \"a\")", "undefined"),
            ("i.has({\"a\": 1}, \"a\")", "true"),
            ("i.has({}, \"a.b\")", "false"),
            (
                "i.pick({\"a\": 1, \"b\": [{\"c\": 4}, {\"c\": 10}], \"n\": {\"t\": 1}}, [\"b.1.c\", \"n.t\"])",
                "{\"b\": [{\"c\": 10}], \"n\": {\"t\": 1}}",
            ),
            ("i.set({}, \"a.b.c\", 10)", "{\"a\": {\"b\": {\"c\": 10}}}"),
            ("i.set({\"a\": [2, 5]}, \"a.0\", 10)", "{\"a\": [10, 5]}"),
            ("i.set({\"a\": [{\"b\": 1}, {}]}, \"a.*.b\", 2)", "{\"a\": [{\"b\": 2}, {\"b\": 2}]}"),
            ("i.unset({\"a\": {\"b\": 1, \"c\": 2}}, \"a.b\")", "{\"a\": {\"c\": 2}}"),
            ("i.omit({\"a\": 1, \"b\": 2, \"c\": 3}, [\"a\", \"c\"])", "{\"b\": 2}"),
        ],
    );
}

#[test]
fn encodings() {
    with(
        "base64",
        &[
            ("i.encode(\"a?>\")", "\"YT8+\""),
            ("i.urlencode(\"a?>\")", "\"YT8-\""),
            ("i.decode(\"YT8+\")", "\"a?>\""),
            ("i.urldecode(\"YT8-\")", "\"a?>\""),
            ("i.decode(\"?\")", "error: not base64"),
        ],
    );
    with(
        "json",
        &[
            ("i.marshal({\"b\": [1, undefined, 1.5], \"a\": undefined})", "\"{\\\"b\\\":[1,1.5]}\""),
            ("i.marshal(undefined)", "undefined"),
            ("i.unmarshal(\"{\\\"a\\\": [1, null]}\").a", "[1, null]"),
            ("i.unmarshal(\"{\")", "error: not JSON"),
            ("i.valid(\"[1]\")", "true"),
            ("i.valid(\"[\")", "false"),
        ],
    );
}

#[test]
fn small_imports() {
    with(
        "types",
        &[
            (
                "[i.type_of(1), i.type_of(1.0), i.type_of(\"\"), i.type_of([]), i.type_of({})]",
                "[\"int\", \"float\", \"string\", \"list\", \"map\"]",
            ),
            ("[i.type_of(true), i.type_of(null), i.type_of(undefined)]", "[\"bool\", \"null\", \"undefined\"]"),
        ],
    );
    with("units", &[("i.megabyte", "1048576"), ("i.petabyte / i.terabyte", "1024")]);
    with("runtime", &[("i.version is not empty", "true")]);
    with(
        "sockaddr",
        &[
            ("i.is_contained(\"192.168.0.0/24\", \"192.168.0.32\")", "true"),
            ("i.is_contained(\"192.168.0.0/24\", \"192.174.1.1\")", "false"),
            ("i.is_equal(\"192.168.12.24\", \"192.168.12.24\")", "true"),
            ("i.is_ipv4(\"192.168.12.24\")", "true"),
            ("i.is_ipv6(\"2001:db8::1\")", "true"),
            ("i.is_equal(\"nothing\", \"1.2.3.4\")", "error: no IP address"),
        ],
    );
    with(
        "version",
        &[
            ("i.new(\"1.0.0-alpha.1+001\").prerelease", "\"alpha.1\""),
            ("i.new(\"v1.2\").version", "\"1.2.0\""),
            ("i.new(\"1.0.0\").gt(\"1.0.0-rc1\")", "true"),
            ("i.new(\"1.10.0\").greater_than(\"1.9.9\")", "true"),
            ("i.new(\"1.2.0\").compare(\"1.3.0\")", "-1"),
            ("i.new(\"1.2.5\").satisfies(\"~> 1.2.3, != 1.2.4\")", "true"),
            ("i.new(\"1.3.0\").satisfies(\"~> 1.2.3\")", "false"),
            ("i.new(\"1.9.0\").satisfies(\"~> 1.2\")", "true"),
            ("i.new(\"2.0.0-rc1\").satisfies(\"> 1.0\")", "false"),
            ("i.new(\"a\")", "error: no version"),
        ],
    );
}

#[test]
fn decimals() {
    with(
        "decimal",
        &[
            ("i.new(\"1.1\").add(2.2).string", "\"3.3\""),
            ("i.new(1).div(3).mul(3).lt(1)", "true"),
            ("i.new(\"10\").mod(3).int", "1"),
            ("i.new(\"0.1\").add(\"0.2\").is(\"0.3\")", "true"),
            ("i.nan.is(i.nan)", "false"),
            ("i.isinfinite(\"Infinity\")", "true"),
            ("i.inf(-1).less_than(\"-1E400\")", "true"),
            ("i.new(-1).sqrt().string", "\"NaN\""),
            ("i.new(0).mul(i.inf(1)).string", "\"NaN\""),
            ("i.new(\"-2.5\").floor().int", "-3"),
            ("i.new(\"2.1\").ceil().int", "3"),
            ("i.new(\"-2.5\").abs().float", "2.5"),
            ("i.new(2).pow(10).int", "1024"),
            ("i.new(\"-12.5\").sign", "-1"),
            ("i.new(\"12.5\").coefficient", "125"),
            ("i.new(\"12.5\").exponent", "-1"),
            ("i.new(\"x\")", "error: no decimal number"),
            ("i.new(undefined)", "undefined"),
        ],
    );
}

/// A host whose time stands still, and that answers one address.
struct Recorded;

impl Host for Recorded {
    fn now_ns(&self) -> Result<i64, String> {
        Ok(1_700_000_000_123_456_789)
    }

    fn http(&self, request: &HttpRequest) -> Result<HttpResponse, String> {
        let authorization = request.headers.get("Authorization").cloned().unwrap_or_default();
        let status = if request.url.ends_with("/missing") { 404 } else { 200 };
        let body =
            format!("{} {} {authorization} {} {}", request.method, request.body, request.timeout, request.retries);
        Ok(HttpResponse { status, headers: BTreeMap::new(), body })
    }
}

fn holds(text: &str) {
    let policy = policy(text);
    match Evaluation::new(&policy).with_host(&Recorded).with_timezone("Europe/Berlin").run() {
        Ok(outcome) => assert_eq!(outcome.verdict, Verdict::Pass, "{text}\n{}", outcome.trace),
        Err(failure) => panic!("{text}\n{failure}"),
    }
}

#[test]
fn times() {
    for condition in [
        "time.now.unix is 1700000000",
        "time.now.unix_nano is 1700000000123456789",
        "time.now.hour is 23 and time.now.zone is 3600 and time.now.zone_string is \"+01:00\"",
        "time.now.weekday is 2 and time.now.weekday_name is \"Tuesday\"",
        "time.now.month_name is \"November\" and time.now.day is 14 and time.now.year is 2023",
        "time.load(0).year is 1970",
        "time.load(\"2006-01-02T15:04:05+07:00\").hour is 15",
        "time.load(\"2006-01-02T15:04:05+07:00\").unix is 1136189045",
        "time.load(\"2006-01-02T15:04:05Z\").before(time.now)",
        "time.now.after(0)",
        "time.load(100).add(time.hour * 2).unix is 7300",
        "time.load(100).sub(40) is 60 * time.second",
        "time.load(100).equal(\"1970-01-01T00:01:40Z\")",
    ] {
        holds(&format!("import \"time\"\nmain = rule {{ {condition} }}"));
    }
}

#[test]
fn requests_go_through_the_host() {
    for condition in [
        "http.get(\"https://a\").body is \"GET   10 1\"",
        "http.with_timeout(5).with_retries(3).post(http.request(\"https://a\").with_body(\"b\")).body is \"POST b  5 3\"",
        "http.get(http.request(\"https://a\").with_basic_auth(\"u\", \"p\")).body contains \"Basic dTpw\"",
        "http.accept_status_codes([200, 404]).get(\"https://a/missing\").status_code is 404",
        "http.client.timeout is 10 and http.client.certificate_verification",
        "http.without_certificate_verification().certificate_verification is false",
        "http.request(\"u\").with_header(\"A\", \"b\").headers[\"A\"] is \"b\"",
    ] {
        holds(&format!("import \"http\"\nmain = rule {{ {condition} }}"));
    }
    let policy = policy("import \"http\"\nmain = rule { http.get(\"https://a/missing\").body is \"\" }");
    let failure = Evaluation::new(&policy).with_host(&Recorded).run().unwrap_err();
    assert!(failure.message.contains("404"), "{failure}");
    let failure = Evaluation::new(&policy).run().unwrap_err();
    assert_eq!(
        failure.to_string(),
        "test.sentinel:2:15: not allowed here: requests over the network, as to https://a/missing"
    );
}

#[test]
fn modules_are_files_of_their_own() {
    let sources = Sources::default();
    let module = |name: &str, text: &str| {
        Policy::parse(&sources, sources.add(name, text)).unwrap_or_else(|problems| panic!("{problems}"))
    };
    let counter = module(
        "counter.sentinel",
        "seen = []\ncount = func(n) {\n\tappend(seen, n)\n\treturn length(seen)\n}\nready = rule { true }",
    );
    let user = module("user.sentinel", "import \"counter\" as c\ntwice = func(n) { c.count(n)\n\treturn c.count(n) }");
    let policy = module(
        "policy.sentinel",
        "import \"user\"\nimport \"counter\"\nmain = rule { user.twice(1) is 2 and counter.count(1) is 3 and counter.ready and (counter.nothing else 1) is 1 }",
    );
    let evaluation = Evaluation::new(&policy)
        .with_import("user", Import::Module(user))
        .with_import("counter", Import::Module(counter.clone()));
    assert_eq!(evaluation.run().unwrap().verdict, Verdict::Pass);
    // A mock comes before the standard import of its name.
    let mocked = module("mocked.sentinel", "import \"time\"\nmain = rule { time.count(1) is 1 }");
    let evaluation = Evaluation::new(&mocked).with_import("time", Import::Module(counter));
    assert_eq!(evaluation.run().unwrap().verdict, Verdict::Pass);
    let circle = module("circle.sentinel", "import \"circle\"\na = 1");
    let policy = module("first.sentinel", "import \"circle\"\nmain = true");
    let failure = Evaluation::new(&policy).with_import("circle", Import::Module(circle)).run().unwrap_err();
    assert!(failure.message.contains("imports itself"), "{failure}");
}
