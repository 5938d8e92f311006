use std::rc::Rc;

use proptest::prelude::*;

use super::*;

fn run(text: &str, data: &Datum) -> Result<String, Error> {
    let mut set = Set::default();
    set.add("t", text, Some(7))?;
    set.execute("t", data, Limits::default()).map(|output| output.text)
}

fn data() -> Datum {
    read_yaml(
        "name: web\nport: 8080\nbig: 1000000\nratio: 0.5\nactive: true\nempty: ''\nnothing:\nlist: [a, b, c]\n\
         map: {b: 2, a: 1}\nnested: {deep: {er: x}}\n",
    )
    .unwrap()
}

#[test]
fn as_go_runs_them() {
    for (text, expected) in [
        ("a {{- /* c */ -}} b", "ab"),
        ("{{ .name }}-{{ .port }} {{ .big }} {{ .ratio }}", "web-8080 1e+06 0.5"),
        ("{{ .missing }}|{{ .nothing }}|{{ (.missing).deeper }}", "||"),
        ("{{ if .empty }}a{{ else if .active }}b{{ else }}c{{ end }}", "b"),
        ("{{ with .nested.deep }}{{ .er }}{{ $.name }}{{ end }}", "xweb"),
        ("{{ with .missing }}x{{ else with .name }}{{ . }}{{ end }}", "web"),
        ("{{ range .list }}{{ . }},{{ end }}", "a,b,c,"),
        ("{{ range $i, $e := .list }}{{ $i }}{{ $e }}{{ end }}", "0a1b2c"),
        ("{{ range $k, $v := .map }}{{ $k }}={{ $v }};{{ end }}", "a=1;b=2;"),
        ("{{ range .empty | list | compact }}x{{ else }}none{{ end }}", "none"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ("{{ range .list }}{{ if eq . \"b\" }}{{ continue }}{{ end }}{{ . }}{{ end }}", "ac"),
        ("{{ range .list }}{{ if eq . \"b\" }}{{ break }}{{ end }}{{ . }}{{ end }}", "a"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"),
        ("{{ define \"d\" }}[{{ . }}]{{ end }}{{ template \"d\" .name }}{{ include \"d\" 1 | upper }}", "[web][1]"),
        ("{{ block \"b\" .name }}<{{ . }}>{{ end }}", "<web>"),
        ("{{ .name | printf \"%s-%s\" \"a\" | quote }}", "\"a-web\""),
        ("{{ and .active .name }}{{ or .empty \"x\" }}{{ and false (fail \"no\") }}", "webxfalse"),
        ("{{ not .active }}{{ eq .name \"x\" \"web\" }}{{ lt 1 2 }}{{ ne .port 1.5 }}", "falsetruetruetrue"),
        ("{{ index .list 1 }}{{ index .map \"a\" }}{{ len .list }}", "b13"),
        ("{{ `raw` }}{{ \"a\\tb\" }}{{ 'a' }}{{ 0x1F }}{{ 1e3 }}", "rawa\tb97311000"),
        ("{{ (.nested).deep.er }}{{ (dict \"k\" \"v\").k }}", "xv"),
        ("{{- $d := dict \"a\" 1 -}}{{ $_ := set $d \"b\" 2 }}{{ $d | toJson }}", "{\"a\":1,\"b\":2}"),
        ("{{ tpl \"{{ .name }}!\" . }}{{ tpl .name . }}", "web!web"),
        (
            "{{ .port | int | add 1 }} {{ .port | toString | trunc 2 }} {{ div 7 2 }} {{ round 2.567 2 }}",
            "8081 80 3 2.57",
        ),
        ("{{ default 1 .missing }}{{ .name | default \"x\" }}{{ ternary \"a\" \"b\" .active }}", "1weba"),
        ("{{ list 1 2 | toYaml | nindent 2 }}", "\n  - 1\n  - 2"),
        ("{{ printf \"%d\" .port }}", "%!d(float64=8080)"),
        ("{{ kindOf .port }} {{ kindOf (int .port) }} {{ typeOf .list }}", "float64 int []interface {}"),
        ("{{ toString (until 3) }}{{ join \",\" .list }}{{ splitList \".\" \"a.b\" | last }}", "[0 1 2]a,b,cb"),
        ("{{ get .map \"z\" }}{{ hasKey .map \"a\" }}{{ dig \"deep\" \"er\" \"?\" .nested }}", "truex"),
        ("{{ merge (dict \"a\" \"\") (dict \"a\" \"x\" \"b\" \"y\") | toJson }}", "{\"a\":\"x\",\"b\":\"y\"}"),
        ("{{ regexReplaceAll \"a(x*)b\" \"-ab-axxb-\" \"${1}W\" }} {{ regexMatch \"^a\" \"ab\" }}", "-W-xxW- true"),
        ("{{ semverCompare \">=1.20-0\" \"v1.34.0\" }}{{ (semver \"1.2.3\").Minor }}", "true2"),
        (
            "{{ \"a b\" | b64enc | b64dec }} {{ sha256sum \"\" | trunc 8 }} {{ adler32sum \"abc\" }}",
            "a b e3b0c442 38600999",
        ),
        (
            "{{ snakecase \"FirstName\" }} {{ kebabcase \"FirstName\" }} {{ camelcase \"http_server\" }} {{ title \"a-b c\" }}",
            "first_name first-name HttpServer A-B C",
        ),
        ("{{ fromYaml \"a: [1]\" | toJson }}{{ (fromYaml \"- 1\").Error | empty }}", "{\"a\":[1]}false"),
        (
            "{{ randAlphaNum 5 }} {{ now | date \"2006\" }} {{ (genCA \"a\" 1).Cert | trunc 10 }}",
            "place 2000 -----BEGIN",
        ),
        ("{{ printf \"%v\" nil }}{{ print 1 2 \"a\" }}", "<nil>1 2a"),
        ("{{ urlJoin (urlParse \"https://u@h:1/p?q=1#f\") }}", "https://u@h:1/p?q=1#f"),
    ] {
        assert_eq!(run(text, &data()).as_deref().map_err(ToString::to_string), Ok(expected), "{text}");
    }
}

#[test]
fn what_fails_says_where() {
    for (text, expected) in [
        ("a\n{{ .nested.none.x }}", "template: t:2:3: nil pointer evaluating interface {}.x"),
        ("{{ .name.x }}", "template: t:1:3: can't evaluate field x in type string"),
        ("{{ required \"give it\" .nothing }}", "template: t:1:3: give it"),
        ("{{ fail \"no\" }}", "template: t:1:3: no"),
        ("{{ nofunc }}", "template: t:1: function \"nofunc\" not defined"),
        ("\n{{ $x }}", "template: t:2: undefined variable \"$x\""),
        ("{{ if }}x{{ end }}", "template: t:1: missing value for if"),
        ("{{ if true }}x", "template: t:1: unexpected EOF"),
        ("{{ (1 }}", "template: t:1: unclosed left paren"),
        ("{{ eq .port 8080 }}", "template: t:1:3: error calling eq: incompatible types for comparison"),
        (
            "{{ upper .port }}",
            "template: t:1:3: error calling upper: wrong type for value; expected string; got float64",
        ),
        (
            "{{ include \"none\" . }}",
            "template: t:1:3: error calling include: template: no template \"none\" associated with template",
        ),
        ("{{ tpl \"{{ fail \\\"in\\\" }}\" . }}", "template: t:1:3: in"),
        ("{{ \"x\" }}{{ end }}", "template: t:1: unexpected {{end}}"),
        ("{{ div 1 0 }}", "template: t:1:3: error calling div: integer divide by zero"),
    ] {
        assert_eq!(run(text, &data()).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn what_never_ends_is_ended() {
    // As deep as the limits allow, which is more than a test's thread has room for.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(endless_templates).unwrap();
    thread.join().unwrap();
}

fn endless_templates() {
    let limits = Limits { steps: 10_000, output: 10_000, depth: 100 };
    for text in [
        "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}",
        "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
        "{{ range until 1000 }}{{ range until 1000 }}{{ end }}{{ end }}",
        "{{ range until 1000 }}{{ repeat 1000 \"x\" }}{{ end }}",
    ] {
        let mut set = Set::default();
        set.add("t", text, None).unwrap();
        let error = set.execute("t", &Datum::Nil, limits).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Bound, "{text}: {error}");
    }
    assert!(run(&"{{ if true }}".repeat(1000), &Datum::Nil).is_err());
    assert!(run(&format!("{{{{ {}1", "(".repeat(1000)), &Datum::Nil).is_err());
}

#[test]
fn a_map_that_contains_itself_is_printed() {
    let text = "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $d | toYaml | len | lt 0 }}{{ print $d | len | lt 0 }}";
    assert_eq!(run(text, &Datum::Nil).unwrap(), "truetrue");
}

#[test]
fn parts_of_the_output_know_their_origin() {
    let mut set = Set::default();
    let text = "kind: Pod\nname: {{ .name }}\nport: 1\n";
    set.add("t", text, Some(7)).unwrap();
    let output = set.execute("t", &data(), Limits::default()).unwrap();
    let at = |part: &str| {
        let start = output.text.find(part).unwrap();
        let (id, range) = output.origin(start..start + part.len()).unwrap();
        assert_eq!(id, 7);
        &text[range]
    };
    assert_eq!(at("Pod"), "Pod");
    assert_eq!(at("web"), ".name ");
    assert_eq!(at("port: 1"), "port: 1");
    assert_eq!(at("name: web"), "name: {{ .name ");
}

#[test]
fn yaml_as_kubernetes_writes_it() {
    for (text, expected) in [
        ("b: 1\na10: x\na9: 'y'", "a9: \"y\"\na10: x\nb: 1\n"),
        ("a: [1, [2, {b: c, d: e}]]", "a:\n- 1\n- - 2\n  - b: c\n    d: e\n"),
        ("a: 'yes'\nb: '1'\nc: ''\nd: null\ne: true", "a: \"yes\"\nb: \"1\"\nc: \"\"\nd: null\ne: true\n"),
        ("a: '- x'\nb: 'x: y'\nc: '#x'\nd: 'x # y'\ne: 'a:b'", "a: '- x'\nb: 'x: y'\nc: '#x'\nd: 'x # y'\ne: a:b\n"),
        ("a: \"x\\ny\\n\"\nb: \"x\\ny\"\nc: \"x\\n\\n\"", "a: |\n  x\n  y\nb: |-\n  x\n  y\nc: |+\n  x\n\n"),
        ("a: 1000000\nb: 1.5\nc: 1e30", "a: 1000000\nb: 1.5\nc: 1e+30\n"),
        ("a: {}\nb: []", "a: {}\nb: []\n"),
        (
            "a: '2020-01-01'\nb: '12:30'\nc: 1.2.3\nd: '0x1f'\ne: ' x'",
            "a: \"2020-01-01\"\nb: \"12:30\"\nc: 1.2.3\nd: \"0x1f\"\ne: ' x'\n",
        ),
        ("a: \"x\\ty\"\nb: \"it's\"\nc: '*'\nd: '{{ x }}'", "a: \"x\\ty\"\nb: it's\nc: '*'\nd: '{{ x }}'\n"),
    ] {
        assert_eq!(write_yaml(&read_yaml(text).unwrap()), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_template_is_read_or_refused(text in "(\\{\\{|\\}\\}|-|\\.|\\$x|if|end|else|range|with|define|\"a\"|[ ().|:=a-z0-9\\n])*") {
        let _ = run(&text, &data());
    }

    #[test]
    fn texts_without_actions_are_their_own_output(text in "[^{]*") {
        prop_assert_eq!(run(&text, &Datum::Nil).unwrap(), text);
    }

    #[test]
    fn yaml_reads_what_it_writes(text in "[ -~\\n\\t\u{e9}\u{1f600}]{0,20}") {
        let value = Datum::map([("a", Datum::from(text.as_str())), ("b", Datum::list(vec![text.into()]))]);
        prop_assert!(read_yaml(&write_yaml(&value)).unwrap().deep_equal(&value), "{}", write_yaml(&value));
    }

    #[test]
    fn formats_never_fail(format in "[%a-zA-Z0-9.*#+ \\[\\]-]{0,12}", number in any::<f64>()) {
        let operands = [Datum::Float(number), Datum::Int(3), "x".into(), Datum::List(Rc::new([]))];
        let _ = print::format(&format, &operands);
    }
}
