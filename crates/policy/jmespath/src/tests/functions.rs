use super::check;

/// What Kyverno's command line gives for these (`kyverno jp query`, 1.19).
const GIVEN: &str = r#"{"name": "web", "list": ["a", "b", "c"], "nums": [3, 1, 2], "obj": {"a": 1, "b": "x"}, "people": [{"n": "bob", "age": 30}, {"n": "al", "age": 20}, {"n": "cy", "age": 30}], "f": 1.5, "big": 123456789012, "nul": null, "empty": []}"#;

#[test]
fn texts() {
    check(
        GIVEN,
        &[
            ("compare('a','b')", "-1"),
            ("compare('b','a')", "1"),
            ("equal_fold('Go','GO')", "true"),
            ("equal_fold('straße','STRASSE')", "false"),
            ("equal_fold('ſ','S')", "true"),
            ("replace('aaaa','a','b',`2`)", r#""bbaa""#),
            ("replace('aaaa','a','b',`-1`)", r#""bbbb""#),
            ("replace('abc','','-',`2`)", r#""-a-bc""#),
            ("replace_all('abc','','-')", r#""-a-b-c-""#),
            ("to_upper('straße')", r#""STRAßE""#),
            ("trim('¡¡¡Hello!!!','!¡')", r#""Hello""#),
            ("trim_prefix('hello','he')", r#""llo""#),
            ("split('a,b,c',',')", r#"["a","b","c"]"#),
            ("split('abc','')", r#"["a","b","c"]"#),
            ("split('','')", "[]"),
            ("split('',',')", r#"[""]"#),
            ("regex_replace_all('([Hh])e(l+)o','Hello hello','$2a')", r#"" ""#),
            ("regex_replace_all('a(x*)b','-ab-axxb-','${1}W')", r#""-W-xxW-""#),
            ("regex_replace_all('a(x*)b','-ab-axxb-','$1W')", r#""---""#),
            ("regex_replace_all('a','banana',`1.5`)", r#""b1.5n1.5n1.5""#),
            ("regex_replace_all_literal('a(x*)b','-ab-axxb-','$1')", r#""-$1-$1-""#),
            ("regex_match('^[1-7]$','1')", "true"),
            ("regex_match('^[1-7]$',`3`)", "true"),
            ("regex_match('(',`3`)", "!error parsing regexp: missing closing ): `(`"),
            (
                "regex_replace_all('(','a','b')",
                "!JMESPath function 'regex_replace_all': error parsing regexp: missing closing ): `(`",
            ),
            ("regex_match('12.*',big)", "true"),
            ("pattern_match('prefix-*','prefix-foo')", "true"),
            ("pattern_match('12*',`123`)", "true"),
            ("to_boolean('TruE')", "true"),
            (
                "to_boolean('x')",
                "!JMESPath function 'to_boolean': lowercase argument must be 'true' or 'false' (provided: 'x')",
            ),
            ("path_canonicalize('~/.//a/../b/')", r#""~/b""#),
            ("path_canonicalize('')", r#""""#),
            ("path_canonicalize('/../a')", r#""/a""#),
            ("path_canonicalize('../../a')", r#""../../a""#),
            ("truncate('Lorem ipsum',`5`)", r#""Lorem""#),
            ("truncate('Lörem',`2`)", r#""Lö""#),
            ("truncate('Lorem',`-3`)", r#""""#),
            ("truncate('Lorem',`2.9`)", r#""Lo""#),
            ("semver_compare('4.1.3','>=4.1.x')", "true"),
            ("semver_compare('4.1.3','<4.1.x')", "false"),
            ("semver_compare('abc','<1.0.0')", "true"),
            ("semver_compare('1.0.0','abc')", r#"!Could not get version from string: "abc""#),
            ("regex_replace_all('(a)(b)?','ab-a','<$2>')", r#""\u003cb\u003e-\u003c\u003e""#),
            ("regex_replace_all_literal('x*','baac','-')", r#""-b-a-a-c-""#),
            ("regex_replace_all('x*','baac','-')", r#""-b-a-a-c-""#),
            ("to_lower('ÄÖSS')", r#""äöss""#),
            ("equal_fold('K','k')", "true"),
            ("semver_compare('1.2.3-rc.1','>=1.2.3')", "false"),
        ],
    );
}

#[test]
fn arithmetic() {
    check(
        GIVEN,
        &[
            ("add(`1`,`2.5`)", "3.5"),
            ("add('1Gi','1Mi')", r#""1025Mi""#),
            ("add('10s','5m30s')", r#""5m40s""#),
            ("add('1h','1')", "!JMESPath function 'add': Types mismatch"),
            ("add(`1`,'1')", "!JMESPath function 'add': Types mismatch"),
            ("add('abc',`1`)", "!JMESPath function 'add': invalid operand"),
            ("add('10m','5m')", r#""15m""#),
            ("add(nul,`1`)", "!JMESPath function 'add': invalid operand"),
            ("sum(nums)", "6"),
            ("sum(empty)", "!JMESPath function 'sum': at least one element in the array is required"),
            ("sum(['1Gi','2Gi'])", r#""3Gi""#),
            ("sum(['1h','30m'])", "!JMESPath function 'sum': Types mismatch"),
            ("sum(list)", "!JMESPath function 'sum': invalid operand"),
            ("subtract('1Gi','1Mi')", r#""1023Mi""#),
            ("subtract('1h','30m')", "!JMESPath function 'subtract': Types mismatch"),
            ("subtract(`1`,`3`)", "-2"),
            ("multiply('1Gi',`2.5`)", r#""2560Mi""#),
            ("multiply(`3`,'1h')", r#""3h0m0s""#),
            ("multiply('100m',`1000000`)", r#""100k""#),
            ("multiply('1Gi','1Gi')", "!JMESPath function 'multiply': Types mismatch"),
            ("multiply(`0.1`,`3`)", "0.30000000000000004"),
            ("divide('1Gi',`3`)", r#""357913941""#),
            ("divide('10',`3`)", r#""3""#),
            ("divide('10.00',`3`)", r#""3330m""#),
            ("divide('1h','30m')", "!JMESPath function 'divide': Types mismatch"),
            ("divide('1Gi','1Mi')", "1024"),
            ("divide('1h',`7`)", r#""8m34.285714285s""#),
            ("divide(`10`,`3`)", "3.3333333333333335"),
            ("divide(`10`,`0`)", "!JMESPath function 'divide': Zero divisor passed"),
            ("divide('1h','0s')", "!JMESPath function 'divide': Zero divisor passed"),
            ("divide('1h',`0`)", "!JMESPath function 'divide': Zero divisor passed"),
            ("divide(`1`,'1h')", "!JMESPath function 'divide': Types mismatch"),
            ("modulo(`10`,`3`)", "1"),
            ("modulo(`10.5`,`3`)", "!JMESPath function 'modulo': Non-integer argument(s) passed for modulo"),
            ("modulo(`10`,`0`)", "!JMESPath function 'modulo': Zero divisor passed"),
            ("modulo('13Ki','5Ki')", r#""3Ki""#),
            ("modulo('1h','25m')", "!JMESPath function 'modulo': Types mismatch"),
            ("modulo('1500m','1')", "!JMESPath function 'modulo': Non-integer argument(s) passed for modulo"),
            ("modulo(`-7`,`3`)", "-1"),
            ("round(`3.14159`,`2`)", "3.14"),
            ("round(`2.5`,`0`)", "3"),
            ("round(`-2.5`,`0`)", "-3"),
            ("round(`2.5`,`-1`)", "!JMESPath function 'round': %!d(MISSING) argument is out of bounds (%!d(MISSING))"),
            ("round(`2.5`,`1.5`)", "!JMESPath function 'round': Non-integer argument(s) passed for round off"),
            ("add(`0.1`,`0.2`)", "0.30000000000000004"),
            ("multiply(`1e10`,`1e15`)", "1e+25"),
            ("divide('1Gi',`1000000`)", r#""1073""#),
            (r#"sum(`["1",2]`)"#, "!JMESPath function 'sum': Types mismatch"),
            ("sum([`1`])", "1"),
            ("sum(['abc'])", r#""abc""#),
            ("multiply('1500m',`2`)", r#""3""#),
            ("multiply('5',`0.001`)", r#""5m""#),
            ("divide('100',`1e21`)", r#""0""#),
            ("add('1e3','1')", r#""1001""#),
            ("add('0','1Gi')", r#""1Gi""#),
            ("subtract('100m','1')", r#""-900m""#),
            ("round(`1234.5678`,`10`)", "1234.5678"),
        ],
    );
}

#[test]
fn times() {
    check(
        GIVEN,
        &[
            ("time_since('','2021-01-02T15:04:05-07:00','2021-01-10T03:14:05-07:00')", r#""180h10m0s""#),
            (
                "time_since('Mon Jan _2 15:04:05 MST 2006','Mon Jan 02 15:04:05 MST 2021','Mon Jan 10 03:14:16 MST 2021')",
                r#""180h10m11s""#,
            ),
            (
                "time_since('','x','')",
                r#"!parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006""#,
            ),
            ("time_add('2021-01-02T15:04:05-07:00','3h')", r#""2021-01-02T18:04:05-07:00""#),
            ("time_add('2021-01-02T15:04:05.5Z','-3h30m')", r#""2021-01-02T11:34:05Z""#),
            ("time_add('2021-01-02T15:04:05Z','x')", r#"!time: invalid duration "x""#),
            ("time_parse('2006-01-02','2021-01-02')", r#""2021-01-02T00:00:00Z""#),
            ("time_parse('1702691171','1702691171')", r#""2023-12-16T01:46:11Z""#),
            ("time_parse('1','x')", r#"!strconv.ParseInt: parsing "x": invalid syntax"#),
            ("time_parse('2006-01-02 MST','2021-01-02 EST')", r#""2021-01-02T00:00:00Z""#),
            ("time_to_cron('2022-04-11T03:14:05-07:00')", r#""14 3 11 4 1""#),
            ("time_utc('2021-01-02T18:04:05-07:00')", r#""2021-01-03T01:04:05Z""#),
            ("time_diff('2021-01-02T15:04:05-07:00','2021-01-10T03:14:05-07:00')", r#""180h10m0s""#),
            ("time_diff('0001-01-01T00:00:00Z','2021-01-10T03:14:05-07:00')", r#""2562047h47m16.854775807s""#),
            ("time_before('2021-01-02T15:04:05-07:00','2021-01-10T03:14:05-07:00')", "true"),
            ("time_after('2021-01-02T15:04:05-07:00','2021-01-10T03:14:05-07:00')", "false"),
            ("time_between('2023-01-12T03:15:00Z','2023-01-12T01:16:00Z','2023-01-12T07:16:00Z')", "true"),
            ("time_truncate('2021-01-02T15:04:05-07:00','1h')", r#""2021-01-02T15:00:00-07:00""#),
            ("time_truncate('2021-01-02T15:04:05-07:00','24h')", r#""2021-01-01T17:00:00-07:00""#),
            ("time_truncate('2021-01-02T15:04:05Z','0s')", r#""2021-01-02T15:04:05Z""#),
            ("time_truncate('1921-01-02T15:04:05Z','7h')", r#""1921-01-02T10:00:00Z""#),
            (
                "time_utc('2021-01-02')",
                r#"!parsing time "2021-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T""#,
            ),
            ("time_add('2021-12-31T23:00:00Z','2h')", r#""2022-01-01T01:00:00Z""#),
            ("time_since('2006-01-02','2021-01-02','2021-01-03')", r#""24h0m0s""#),
        ],
    );
}

#[test]
fn collections_and_encodings() {
    check(
        GIVEN,
        &[
            (r#"label_match(`{"app":"x"}`,`{"app":"x","b":"y"}`)"#, "true"),
            (r#"label_match(`{"app":"x"}`,`{"app":"y"}`)"#, "false"),
            ("base64_decode('SGVsbG8=')", r#""Hello""#),
            ("base64_decode('SGV*sbG8=')", "!illegal base64 data at input byte 3"),
            ("base64_decode('SGVsbG8')", "!illegal base64 data at input byte 4"),
            ("base64_encode('Hello')", r#""SGVsbG8=""#),
            (r#"parse_json('{"a": [1, 2.50, null]}')"#, r#"{"a":[1,2.5,null]}"#),
            ("parse_yaml('a: [1, yes, 1.0]')", r#"{"a":[1,true,1]}"#),
            ("parse_yaml('')", "null"),
            ("lookup(obj,'a')", "1"),
            ("lookup(obj,'z')", "null"),
            ("lookup(nums,`1`)", "1"),
            ("lookup(nums,`9`)", "null"),
            ("lookup(nums,`-1`)", "null"),
            ("lookup(nums,`1.5`)", "!JMESPath function 'lookup': argument #2: expected an integer number but got: 1.5"),
            ("lookup(obj,`1`)", "!JMESPath function 'lookup': argument #2 is not of type String"),
            ("lookup(nums,'a')", "!JMESPath function 'lookup': argument #2 is not of type Number"),
            ("items(obj,'k','v')", r#"[{"k":"a","v":1},{"k":"b","v":"x"}]"#),
            ("items(nums,'k','v')", r#"[{"k":0,"v":3},{"k":1,"v":1},{"k":2,"v":2}]"#),
            ("object_from_lists(list,nums)", r#"{"a":3,"b":1,"c":2}"#),
            ("object_from_lists(['a','b'],[`1`])", r#"{"a":1,"b":null}"#),
            ("object_from_lists([`1.5`,`true`],['x'])", r#"{"1.5":"x","true":null}"#),
            (
                "object_from_lists([nul],['x'])",
                "!JMESPath function 'object_from_lists': argument #1 is not of type StringArray",
            ),
            ("image_normalize('nginx')", r#""docker.io/nginx:latest""#),
            ("image_normalize('nginx:1.2')", r#""docker.io/nginx:1.2""#),
            (
                "image_normalize('localhost:5000/a/b@sha256:45b23dee08af5e43a7fea6c4cf9c25ccf269ee113168c19722f87876677c5cb2')",
                r#""localhost:5000/a/b@sha256:45b23dee08af5e43a7fea6c4cf9c25ccf269ee113168c19722f87876677c5cb2""#,
            ),
            (
                "image_normalize('a//b')",
                "!JMESPath function 'image_normalize': bad image: docker.io/a//b, defaultRegistry: docker.io, enableDefaultRegistryMutation: true: invalid reference format",
            ),
            (
                "image_normalize('Nginx')",
                "!JMESPath function 'image_normalize': bad image: docker.io/Nginx, defaultRegistry: docker.io, enableDefaultRegistryMutation: true: repository name must be lowercase",
            ),
            (
                "image_normalize('')",
                "!JMESPath function 'image_normalize': bad image: docker.io/, defaultRegistry: docker.io, enableDefaultRegistryMutation: true: invalid reference format",
            ),
            ("is_external_url('http://127.0.0.1/x')", "false"),
            ("is_external_url('https://10.0.0.1:8080')", "false"),
            ("is_external_url('https://8.8.8.8')", "true"),
            ("is_external_url('https://[::1]/')", "false"),
            ("is_external_url('https://[fd00::1]/')", "false"),
            ("sha256('hello')", r#""2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824""#),
            ("sha1('hello')", r#""aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d""#),
            ("md5('hello')", r#""5d41402abc4b2a76b9719d911017c592""#),
            ("items(obj,'k','v')[*].k", r#"["a","b"]"#),
            ("items(obj,'k','v')[0].v", "1"),
            ("random('')", "!no pattern provided"),
            ("parse_json('[1e3, 1.50]')", "[1000,1.5]"),
            ("items(`[]`,'a','b')", "[]"),
            ("label_match(`{}`,`{}`)", "true"),
            (r#"label_match(`{"a":1}`,`{"a":1.0}`)"#, "true"),
        ],
    );
}

#[test]
fn standard() {
    check(
        GIVEN,
        &[
            ("length('héllo')", "5"),
            ("length(obj)", "2"),
            ("avg(nums)", "2"),
            ("max(nums)", "3"),
            ("max(list)", r#""c""#),
            ("min(empty)", "null"),
            ("sort(nums)", "[1,2,3]"),
            ("sort(list)", r#"["a","b","c"]"#),
            ("sort_by(people,&age)[].n", r#"["al","bob","cy"]"#),
            ("sort_by(people,&n)[].n", r#"["al","bob","cy"]"#),
            ("sort_by(people,&zz)", "!invalid type, must be number of string"),
            ("max_by(people,&age).n", r#""bob""#),
            ("min_by(people,&n).n", r#""al""#),
            ("max_by(people,&zz)", "!invalid type, must be number of string"),
            ("reverse('héllo')", r#""olléh""#),
            ("reverse(nums)", "[2,1,3]"),
            ("join(', ',list)", r#""a, b, c""#),
            ("to_number('1.5')", "1.5"),
            ("to_number('x')", "null"),
            ("to_number(list)", "null"),
            ("to_string(obj)", r#""{\"a\":1,\"b\":\"x\"}""#),
            ("to_string('x')", r#""x""#),
            ("to_string(f)", r#""1.5""#),
            ("to_string(`1e21`)", r#""1e+21""#),
            ("to_string(`1e-7`)", r#""1e-7""#),
            (r#"to_string(`{"a":"<b>&"}`)"#, r#""{\"a\":\"\\u003cb\\u003e\\u0026\"}""#),
            ("to_array('a')", r#"["a"]"#),
            ("type(f)", r#""number""#),
            ("type(nul)", r#""null""#),
            ("type(obj)", r#""object""#),
            ("not_null(nul,zz,'x')", r#""x""#),
            (r#"merge(obj,`{"b":2,"c":3}`)"#, r#"{"a":1,"b":2,"c":3}"#),
            ("map(&age,people)", "[30,20,30]"),
            ("map(&zz,people)", "[null,null,null]"),
            ("contains(list,'a')", "true"),
            ("contains('hello','ell')", "true"),
            ("contains('hello',`1`)", "false"),
            ("starts_with('hello','he')", "true"),
            ("ceil(f)", "2"),
            ("floor(`-1.5`)", "-2"),
            ("abs(`-1.5`)", "1.5"),
            ("keys(obj)", r#"["a","b"]"#),
            ("values(obj)", r#"[1,"x"]"#),
            ("length(f)", r#"!Invalid type for: 1.5, expected: []jmespath.JpType{"string", "array", "object"}"#),
            ("join(list,list)", r#"!Invalid type for: [a b c], expected: []jmespath.JpType{"string"}"#),
            ("people[?age > `20`].n", r#"["bob","cy"]"#),
            ("people[?age == `30`] | length(@)", "2"),
            ("obj.*.to_string(@)", r#"["null","null","1","x"]"#),
            ("nums[?@ > `1`]", "[3,2]"),
            ("`1000000`", "1000000"),
            ("`1e21`", "1e+21"),
            ("`1.0`", "1"),
            ("length(items(obj,'k','v'))", "2"),
            ("to_string(items(obj,'k','v'))", r#""[{\"k\":\"a\",\"v\":1},{\"k\":\"b\",\"v\":\"x\"}]""#),
            ("sort(keys(obj))", r#"["a","b"]"#),
            ("to_string(items(empty,'k','v'))", r#""[]""#),
            ("to_number('1e3')", "1000"),
            ("to_number(' 1')", "null"),
            ("abs(`-0`)", "0"),
            ("obj.*.length(to_string(@))", "[4,4,1,1]"),
            ("nums[::2]", "[3,2]"),
            ("nums[:]", "[3,1,2]"),
            ("people[*].{a: age, b: zz}", r#"[{"a":30,"b":null},{"a":20,"b":null},{"a":30,"b":null}]"#),
            ("[nul, zz]", "[null,null]"),
            ("nul.[a]", "null"),
            ("zz.{a: n}", r#"!Unknown key "zz" in path"#),
            ("people | [?n == 'al'] | [0].age", "20"),
            ("!nul && !zz", "true"),
        ],
    );
}

#[test]
fn what_comes_from_outside() {
    check(
        GIVEN,
        &[
            ("time_now()", r#""2024-02-29T12:30:45Z""#),
            ("time_now_utc()", r#""2024-02-29T12:30:45Z""#),
            ("time_since('', '2024-02-29T12:00:00Z', '')", r#""30m45s""#),
            ("is_external_url('https://inside.example/a')", "false"),
            ("is_external_url('https://outside.example/a')", "true"),
            ("is_external_url('https://nowhere.example/a')", "!lookup nowhere.example: no such host"),
            ("regex_match('^[a-c]{2,4}x(y|z)$', random('[a-c]{2,4}x(y|z)'))", "true"),
            ("length(random('[0-9a-z]{5}'))", "5"),
            ("regex_match('^[^a]+$', random('[^a]+'))", "true"),
        ],
    );
}

#[test]
fn nothing_comes_from_outside_unless_it_is_allowed() {
    for expression in ["time_now()", "random('a|b')", "is_external_url('https://a.example')"] {
        let expression = crate::Expression::parse(expression).unwrap();
        let found = expression.search(&probity_model::Value::Null, &crate::Evaluation::new(&crate::Closed));
        assert!(found.unwrap_err().to_string().starts_with("not allowed here: "));
    }
}

#[test]
fn functions_are_found_by_their_names() {
    let all = crate::all_functions();
    assert!(all.is_sorted_by(|left, right| left.name() < right.name()));
    assert_eq!(all.len(), 76);
}

#[test]
fn certificates() {
    let given = probity_model::Value::object([
        ("rsa", include_str!("testdata/rsa.pem").into()),
        ("request", include_str!("testdata/request.pem").into()),
        ("curve", include_str!("testdata/curve.pem").into()),
    ]);
    let shown = |expression: &str| match super::search(expression, &given) {
        Ok(value) => crate::to_json(&value).unwrap(),
        Err(error) => error.to_string(),
    };
    for (expression, expected) in [
        ("x509_decode(rsa) == `DECODED_CERTIFICATE`", "true"),
        ("x509_decode(request) == `DECODED_REQUEST`", "true"),
        ("x509_decode(rsa).Subject.CommonName", r#""example.com""#),
        ("x509_decode(base64_decode(base64_encode(rsa))).PublicKey.E", "65537"),
        ("x509_decode(curve)", "certificate should use rsa algorithm"),
        ("x509_decode('abc')", "failed to decode PEM block"),
        (
            "x509_decode(replace_all(rsa, 'CERTIFICATE', 'PUBLIC KEY'))",
            "PEM block neither contains a CERTIFICATE or CERTIFICATE REQUEST",
        ),
    ] {
        // What Kyverno's command line gives for the same.
        let expression = expression
            .replace("DECODED_CERTIFICATE", include_str!("testdata/rsa.json").trim())
            .replace("DECODED_REQUEST", include_str!("testdata/request.json").trim());
        assert_eq!(shown(&expression), expected, "{expression}");
    }
}
