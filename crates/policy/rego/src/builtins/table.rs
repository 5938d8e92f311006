//! All functions: names, the types of what they take and give, and where they are.

use std::sync::OnceLock;

use super::{
    Builtin, Run, aws, collections, conftest, crypto, encoding, glob, graphql, internal, json, jwt, misc, module, net,
    numbers, regex, schema, semver, strings, template, time, trivy, types, units, uri, uuid, x509,
};

/// A function: its name, what it takes and gives as error messages write it, and its implementation.
const fn plain(name: &'static str, signature: &'static str, run: Run) -> Builtin {
    let (arity, void, variadic) = shape(signature.as_bytes());
    let declared = OnceLock::new();
    Builtin {
        name,
        signature,
        declared,
        arity,
        deprecated: false,
        relation: false,
        variadic,
        void,
        extension: false,
        run,
    }
}

/// How many operands a signature has, whether there is no result, and whether the last operand may be there many times.
const fn shape(signature: &[u8]) -> (usize, bool, bool) {
    let (mut at, mut depth, mut commas, mut dots) = (0, 0, 0, 0);
    let mut empty = true;
    loop {
        match signature[at] {
            b'(' | b'[' | b'<' => depth += 1,
            b'>' | b']' => depth -= 1,
            b')' => break,
            b',' if depth == 1 => commas += 1,
            b'.' => dots += 1,
            _ => empty = false,
        }
        at += 1;
    }
    let variadic = dots == 3;
    let count = if empty { 0 } else { commas + 1 };
    (if variadic { count - 1 } else { count }, at + 1 == signature.len(), variadic)
}

const fn deprecated(mut builtin: Builtin) -> Builtin {
    builtin.deprecated = true;
    builtin
}

const fn relation(mut builtin: Builtin) -> Builtin {
    builtin.relation = true;
    builtin
}

const fn extension(mut builtin: Builtin) -> Builtin {
    builtin.extension = true;
    builtin
}

/// Functions that other tools add to the language.
pub(super) static EXTENSIONS: [Builtin; 9] = [
    extension(plain("cidr.count_addresses", "(string) => number", trivy::count_addresses)),
    extension(plain("cidr.is_public", "(string) => boolean", trivy::is_public)),
    extension(plain("isManaged", "(any) => boolean", trivy::is_managed)),
    extension(plain("parse_combined_config_files", "(array[string]) => any", conftest::parse_combined_config_files)),
    extension(plain("parse_config", "(string, string) => any", conftest::parse_config)),
    extension(plain("parse_config_file", "(string) => any", conftest::parse_config_file)),
    extension(plain("result.new", "(string, any) => any", trivy::new_result)),
    extension(plain("sh.parse_commands", "(string) => array[array[string]]", trivy::parse_commands)),
    extension(plain(
        "squealer.scan_string",
        "(string) => object<description: string, transgressionFound: boolean>",
        trivy::scan_string,
    )),
];

/// All functions in the order of their names.
pub(super) static ALL: [Builtin; 206] = [
    plain("abs", "(x: number) => y: number", numbers::abs),
    deprecated(plain("all", "(any<array[any], set[any]>) => boolean", numbers::all)),
    plain("and", "(x: set[any], y: set[any]) => z: set[any]", collections::set_and),
    deprecated(plain("any", "(any<array[any], set[any]>) => boolean", numbers::any)),
    plain("array.concat", "(x: array[any], y: array[any]) => z: array[any]", collections::array_concat),
    plain("array.flatten", "(arr: array[any]) => flattened: array[any]", collections::array_flatten),
    plain("array.reverse", "(arr: array[any]) => rev: array[any]", collections::array_reverse),
    plain(
        "array.slice",
        "(arr: array[any], start: number, stop: number) => slice: array[any]",
        collections::array_slice,
    ),
    plain("assign", "(any, any) => boolean", internal),
    plain("base64.decode", "(x: string) => y: string", encoding::base64_decode),
    plain("base64.encode", "(x: string) => y: string", encoding::base64_encode),
    plain("base64.is_valid", "(x: string) => result: boolean", encoding::base64_is_valid),
    plain("base64url.decode", "(x: string) => y: string", encoding::base64url_decode),
    plain("base64url.encode", "(x: string) => y: string", encoding::base64url_encode),
    plain("base64url.encode_no_pad", "(x: string) => y: string", encoding::base64url_encode_no_pad),
    plain("bits.and", "(x: number, y: number) => z: number", numbers::bits_and),
    plain("bits.lsh", "(x: number, s: number) => z: number", numbers::bits_lsh),
    plain("bits.negate", "(x: number) => z: number", numbers::bits_negate),
    plain("bits.or", "(x: number, y: number) => z: number", numbers::bits_or),
    plain("bits.rsh", "(x: number, s: number) => z: number", numbers::bits_rsh),
    plain("bits.xor", "(x: number, y: number) => z: number", numbers::bits_xor),
    deprecated(plain("cast_array", "(any) => array[any]", types::cast_array)),
    deprecated(plain("cast_boolean", "(any) => boolean", types::cast_boolean)),
    deprecated(plain("cast_null", "(any) => null", types::cast_null)),
    deprecated(plain("cast_object", "(any) => object[any: any]", types::cast_object)),
    deprecated(plain("cast_set", "(any) => set[any]", types::cast_set)),
    deprecated(plain("cast_string", "(any) => string", types::cast_string)),
    plain("ceil", "(x: number) => y: number", numbers::ceil),
    plain(
        "concat",
        "(delimiter: string, collection: any<array[string], set[string]>) => output: string",
        strings::concat,
    ),
    plain("contains", "(haystack: string, needle: string) => result: boolean", strings::contains),
    plain("count", "(collection: any<string, array[any], object[any: any], set[any]>) => n: number", numbers::count_of),
    plain("crypto.hmac.equal", "(mac1: string, mac2: string) => result: boolean", crypto::hmac_equal),
    plain("crypto.hmac.md5", "(x: string, key: string) => y: string", crypto::hmac_md5),
    plain("crypto.hmac.sha1", "(x: string, key: string) => y: string", crypto::hmac_sha1),
    plain("crypto.hmac.sha256", "(x: string, key: string) => y: string", crypto::hmac_sha256),
    plain("crypto.hmac.sha512", "(x: string, key: string) => y: string", crypto::hmac_sha512),
    plain("crypto.md5", "(x: string) => y: string", crypto::md5),
    plain(
        "crypto.parse_private_keys",
        "(keys: string) => output: array[object[string: any]]",
        x509::parse_private_keys,
    ),
    plain("crypto.sha1", "(x: string) => y: string", crypto::sha1),
    plain("crypto.sha256", "(x: string) => y: string", crypto::sha256),
    plain(
        "crypto.x509.parse_and_verify_certificates",
        "(certs: string) => output: array<boolean, array[object[string: any]]>",
        x509::parse_and_verify,
    ),
    plain(
        "crypto.x509.parse_and_verify_certificates_with_options",
        "(certs: string, options: object[string: any]) => output: array<boolean, array[object[string: any]]>",
        x509::parse_and_verify_with_options,
    ),
    plain(
        "crypto.x509.parse_certificate_request",
        "(csr: string) => output: object[string: any]",
        x509::parse_certificate_request,
    ),
    plain(
        "crypto.x509.parse_certificates",
        "(certs: string) => output: array[object[string: any]]",
        x509::parse_certificates,
    ),
    plain(
        "crypto.x509.parse_keypair",
        "(cert: string, pem: string) => output: object[string: any]",
        x509::parse_keypair,
    ),
    plain(
        "crypto.x509.parse_rsa_private_key",
        "(pem: string) => output: object[string: any]",
        x509::parse_rsa_private_key,
    ),
    plain("div", "(x: number, y: number) => z: number", numbers::div),
    plain("endswith", "(search: string, base: string) => result: boolean", strings::endswith),
    plain("eq", "(any, any) => boolean", internal),
    plain("equal", "(x: any, y: any) => result: boolean", internal),
    plain("floor", "(x: number) => y: number", numbers::floor),
    plain("format_int", "(number: number, base: number) => output: string", numbers::format_int),
    plain(
        "glob.match",
        "(pattern: string, delimiters: any<null, array[string]>, match: string) => result: boolean",
        glob::matches,
    ),
    plain("glob.quote_meta", "(pattern: string) => output: string", glob::quote_meta),
    plain(
        "graph.reachable",
        "(graph: object[any: any<array[any], set[any]>], initial: any<array[any], set[any]>) => output: set[any]",
        collections::reachable,
    ),
    plain(
        "graph.reachable_paths",
        "(graph: object[any: any<array[any], set[any]>], initial: any<array[any], set[any]>) => output: set[array[any]]",
        collections::reachable_paths,
    ),
    plain(
        "graphql.is_valid",
        "(query: any<string, object[any: any]>, schema: any<string, object[any: any]>) => output: boolean",
        graphql::is_valid,
    ),
    plain(
        "graphql.parse",
        "(query: any<string, object[any: any]>, schema: any<string, object[any: any]>) => output: array<object[any: any], object[any: any]>",
        graphql::parse,
    ),
    plain(
        "graphql.parse_and_verify",
        "(query: any<string, object[any: any]>, schema: any<string, object[any: any]>) => output: array<boolean, object[any: any], object[any: any]>",
        graphql::parse_and_verify,
    ),
    plain("graphql.parse_query", "(query: string) => output: object[any: any]", graphql::parse_query),
    plain("graphql.parse_schema", "(schema: string) => output: object[any: any]", graphql::parse_schema),
    plain(
        "graphql.schema_is_valid",
        "(schema: any<string, object[any: any]>) => output: boolean",
        graphql::schema_is_valid,
    ),
    plain("gt", "(x: any, y: any) => result: boolean", internal),
    plain("gte", "(x: any, y: any) => result: boolean", internal),
    plain("hex.decode", "(x: string) => y: string", encoding::hex_decode),
    plain("hex.encode", "(x: string) => y: string", encoding::hex_encode),
    plain("http.send", "(request: object[string: any]) => response: object[any: any]", misc::http_send),
    plain("indexof", "(haystack: string, needle: string) => output: number", strings::indexof),
    plain("indexof_n", "(haystack: string, needle: string) => output: array[number]", strings::indexof_n),
    plain("internal.member_2", "(any, any) => boolean", collections::member),
    plain("internal.member_3", "(any, any, any) => boolean", collections::member_with_key),
    plain("internal.print", "(array[set[any]])", internal),
    plain("internal.template_string", "(array[any]) => string", strings::template_string),
    plain("internal.test_case", "(array[any])", internal),
    plain("intersection", "(xs: set[set[any]]) => y: set[any]", collections::intersection),
    plain("io.jwt.decode", "(jwt: string) => output: array<object[any: any], object[any: any], string>", jwt::decode),
    plain(
        "io.jwt.decode_verify",
        "(jwt: string, constraints: object[string: any]) => output: array<boolean, object[any: any], object[any: any]>",
        jwt::decode_verify,
    ),
    plain(
        "io.jwt.encode_sign",
        "(headers: object[string: any], payload: object[string: any], key: object[string: any]) => output: string",
        jwt::encode_sign,
    ),
    plain(
        "io.jwt.encode_sign_raw",
        "(headers: string, payload: string, key: string) => output: string",
        jwt::encode_sign_raw,
    ),
    plain("io.jwt.verify_eddsa", "(jwt: string, certificate: string) => result: boolean", jwt::verify_eddsa),
    plain("io.jwt.verify_es256", "(jwt: string, certificate: string) => result: boolean", jwt::verify_es256),
    plain("io.jwt.verify_es384", "(jwt: string, certificate: string) => result: boolean", jwt::verify_es384),
    plain("io.jwt.verify_es512", "(jwt: string, certificate: string) => result: boolean", jwt::verify_es512),
    plain("io.jwt.verify_hs256", "(jwt: string, secret: string) => result: boolean", jwt::verify_hs256),
    plain("io.jwt.verify_hs384", "(jwt: string, secret: string) => result: boolean", jwt::verify_hs384),
    plain("io.jwt.verify_hs512", "(jwt: string, secret: string) => result: boolean", jwt::verify_hs512),
    plain("io.jwt.verify_ps256", "(jwt: string, certificate: string) => result: boolean", jwt::verify_ps256),
    plain("io.jwt.verify_ps384", "(jwt: string, certificate: string) => result: boolean", jwt::verify_ps384),
    plain("io.jwt.verify_ps512", "(jwt: string, certificate: string) => result: boolean", jwt::verify_ps512),
    plain("io.jwt.verify_rs256", "(jwt: string, certificate: string) => result: boolean", jwt::verify_rs256),
    plain("io.jwt.verify_rs384", "(jwt: string, certificate: string) => result: boolean", jwt::verify_rs384),
    plain("io.jwt.verify_rs512", "(jwt: string, certificate: string) => result: boolean", jwt::verify_rs512),
    plain("is_array", "(x: any) => result: boolean", types::is_array),
    plain("is_boolean", "(x: any) => result: boolean", types::is_boolean),
    plain("is_null", "(x: any) => result: boolean", types::is_null),
    plain("is_number", "(x: any) => result: boolean", types::is_number),
    plain("is_object", "(x: any) => result: boolean", types::is_object),
    plain("is_set", "(x: any) => result: boolean", types::is_set),
    plain("is_string", "(x: any) => result: boolean", types::is_string),
    plain(
        "json.filter",
        "(object: object[any: any], paths: any<array[any<string, array[any]>], set[any<string, array[any]>]>) => filtered: object[any: any]",
        json::filter,
    ),
    plain("json.is_valid", "(x: string) => result: boolean", json::is_valid),
    plain("json.marshal", "(x: any) => y: string", json::marshal),
    plain(
        "json.marshal_with_options",
        "(x: any, opts: object<indent: string, prefix: string, pretty: boolean>[string: any]) => y: string",
        json::marshal_with_options,
    ),
    plain(
        "json.match_schema",
        "(document: any<string, object[any: any]>, schema: any<string, object[any: any]>) => output: array<boolean, array[object<desc: string, error: string, field: string, type: string>]>",
        schema::match_schema,
    ),
    plain(
        "json.patch",
        "(target: any, patches: array[object<op: string, path: any>[any: any]]) => output: any",
        json::patch,
    ),
    plain(
        "json.remove",
        "(object: object[any: any], paths: any<array[any<string, array[any]>], set[any<string, array[any]>]>) => output: object[any: any]",
        json::remove,
    ),
    plain("json.unmarshal", "(x: string) => y: any", json::unmarshal),
    plain(
        "json.verify_schema",
        "(schema: any<string, object[any: any]>) => output: array<boolean, any<null, string>>",
        schema::verify_schema,
    ),
    plain("lower", "(x: string) => y: string", strings::lower),
    plain("lt", "(x: any, y: any) => result: boolean", internal),
    plain("lte", "(x: any, y: any) => result: boolean", internal),
    plain("max", "(collection: any<array[any], set[any]>) => n: any", numbers::max),
    plain("min", "(collection: any<array[any], set[any]>) => n: any", numbers::min),
    plain("minus", "(x: any<number, set[any]>, y: any<number, set[any]>) => z: any<number, set[any]>", numbers::minus),
    plain("mul", "(x: number, y: number) => z: number", numbers::mul),
    plain("neq", "(x: any, y: any) => result: boolean", internal),
    plain("net.cidr_contains", "(cidr: string, cidr_or_ip: string) => result: boolean", net::cidr_contains),
    plain(
        "net.cidr_contains_matches",
        "(cidrs: any<string, array[any<string, array[any]>], object[string: any<string, array[any]>], set[any<string, array[any]>]>, cidrs_or_ips: any<string, array[any<string, array[any]>], object[string: any<string, array[any]>], set[any<string, array[any]>]>) => output: set[array<any, any>]",
        net::cidr_contains_matches,
    ),
    plain("net.cidr_expand", "(cidr: string) => hosts: set[string]", net::cidr_expand),
    plain("net.cidr_intersects", "(cidr1: string, cidr2: string) => result: boolean", net::cidr_intersects),
    plain("net.cidr_is_valid", "(cidr: string) => result: boolean", net::cidr_is_valid),
    plain("net.cidr_merge", "(addrs: any<array[any<string>], set[string]>) => output: set[string]", net::cidr_merge),
    deprecated(plain("net.cidr_overlap", "(string, string) => boolean", net::cidr_contains)),
    plain("net.lookup_ip_addr", "(name: string) => addrs: set[string]", net::lookup_ip_addr),
    plain("numbers.range", "(a: number, b: number) => range: array[number]", numbers::numbers_range),
    plain(
        "numbers.range_step",
        "(a: number, b: number, step: number) => range: array[number]",
        numbers::numbers_range_step,
    ),
    plain(
        "object.filter",
        "(object: object[any: any], keys: any<array[any], object[any: any], set[any]>) => filtered: object[any: any]",
        collections::object_filter,
    ),
    plain("object.get", "(object: object[any: any], key: any, default: any) => value: any", collections::object_get),
    plain("object.keys", "(object: object[any: any]) => value: set[any]", collections::object_keys),
    plain(
        "object.remove",
        "(object: object[any: any], keys: any<array[any], object[any: any], set[any]>) => output: object[any: any]",
        collections::object_remove,
    ),
    plain(
        "object.subset",
        "(super: any<array[any], object[any: any], set[any]>, sub: any<array[any], object[any: any], set[any]>) => result: boolean",
        collections::object_subset,
    ),
    plain(
        "object.union",
        "(a: object[any: any], b: object[any: any]) => output: object[any: any]",
        collections::object_union,
    ),
    plain(
        "object.union_n",
        "(objects: array[object[any: any]]) => output: object[any: any]",
        collections::object_union_n,
    ),
    plain("opa.runtime", "() => output: object[string: any]", misc::runtime),
    plain("or", "(x: set[any], y: set[any]) => z: set[any]", collections::set_or),
    plain("plus", "(x: number, y: number) => z: number", numbers::plus),
    plain("print", "(any...)", internal),
    plain("product", "(collection: any<array[number], set[number]>) => n: number", numbers::product),
    plain(
        "providers.aws.sign_req",
        "(request: object[string: any], aws_config: object[string: any], time_ns: number) => signed_request: object[any: any]",
        aws::sign_req,
    ),
    plain("rand.intn", "(str: string, n: number) => y: number", numbers::rand_intn),
    deprecated(plain("re_match", "(string, string) => boolean", regex::matches)),
    plain(
        "regex.find_all_string_submatch_n",
        "(pattern: string, value: string, number: number) => output: array[array[string]]",
        regex::find_all_submatches,
    ),
    plain("regex.find_n", "(pattern: string, value: string, number: number) => output: array[string]", regex::find_n),
    plain("regex.globs_match", "(glob1: string, glob2: string) => result: boolean", regex::globs_match),
    plain("regex.is_valid", "(pattern: string) => result: boolean", regex::is_valid),
    plain("regex.match", "(pattern: string, value: string) => result: boolean", regex::matches),
    plain("regex.replace", "(s: string, pattern: string, value: string) => output: string", regex::replace),
    plain("regex.split", "(pattern: string, value: string) => output: array[string]", regex::split),
    plain(
        "regex.template_match",
        "(template: string, value: string, delimiter_start: string, delimiter_end: string) => result: boolean",
        regex::template_match,
    ),
    plain("rego.metadata.chain", "() => chain: array[any]", internal),
    plain("rego.metadata.rule", "() => output: any", internal),
    plain("rego.parse_module", "(filename: string, rego: string) => output: object[string: any]", module::parse),
    plain("rem", "(x: number, y: number) => z: number", numbers::rem),
    plain("replace", "(x: string, old: string, new: string) => y: string", strings::replace),
    plain("round", "(x: number) => y: number", numbers::round),
    plain("semver.compare", "(a: string, b: string) => result: number", semver::compare),
    plain("semver.is_valid", "(vsn: any) => result: boolean", semver::is_valid),
    deprecated(plain("set_diff", "(set[any], set[any]) => set[any]", collections::set_diff)),
    plain("sort", "(collection: any<array[any], set[any]>) => n: array[any]", numbers::sort),
    plain("split", "(x: string, delimiter: string) => ys: array[string]", strings::split),
    plain("sprintf", "(format: string, values: array[any]) => output: string", strings::sprintf),
    plain("startswith", "(search: string, base: string) => result: boolean", strings::startswith),
    plain(
        "strings.any_prefix_match",
        "(search: any<string, array[string], set[string]>, base: any<string, array[string], set[string]>) => result: boolean",
        strings::any_prefix_match,
    ),
    plain(
        "strings.any_suffix_match",
        "(search: any<string, array[string], set[string]>, base: any<string, array[string], set[string]>) => result: boolean",
        strings::any_suffix_match,
    ),
    plain("strings.count", "(search: string, substring: string) => output: number", strings::strings_count),
    plain("strings.render_template", "(value: string, vars: object[string: any]) => result: string", template::render),
    plain(
        "strings.replace_n",
        "(patterns: object[string: string], value: string) => output: string",
        strings::replace_n,
    ),
    plain("strings.reverse", "(x: string) => y: string", strings::reverse),
    plain("strings.split_n", "(x: string, delimiter: string, n: number) => ys: array[string]", strings::split_n),
    plain("substring", "(value: string, offset: number, length: number) => output: string", strings::substring),
    plain("sum", "(collection: any<array[number], set[number]>) => n: number", numbers::sum),
    plain(
        "time.add_date",
        "(ns: number, years: number, months: number, days: number) => output: number",
        time::add_date,
    ),
    plain(
        "time.clock",
        "(x: any<number, array<number, string>>) => output: array<number, number, number>",
        time::clock,
    ),
    plain("time.date", "(x: any<number, array<number, string>>) => date: array<number, number, number>", time::date),
    plain(
        "time.diff",
        "(ns1: any<number, array<number, string>>, ns2: any<number, array<number, string>>) => output: array<number, number, number, number, number, number>",
        time::diff,
    ),
    plain(
        "time.format",
        "(x: any<number, array<number, string>, array<number, string, string>>) => formatted timestamp: string",
        time::format,
    ),
    plain("time.now_ns", "() => now: number", time::now_ns),
    plain("time.parse_duration_ns", "(duration: string) => ns: number", time::parse_duration_ns),
    plain("time.parse_ns", "(layout: string, value: string) => ns: number", time::parse_ns),
    plain("time.parse_rfc3339_ns", "(value: string) => ns: number", time::parse_rfc3339_ns),
    plain("time.weekday", "(x: any<number, array<number, string>>) => day: string", time::weekday),
    plain("to_number", "(value: any<null, boolean, number, string>) => num: number", types::to_number),
    plain("trace", "(note: string) => result: boolean", misc::trace),
    plain("trim", "(value: string, cutset: string) => output: string", strings::trim),
    plain("trim_left", "(value: string, cutset: string) => output: string", strings::trim_left),
    plain("trim_prefix", "(value: string, prefix: string) => output: string", strings::trim_prefix),
    plain("trim_right", "(value: string, cutset: string) => output: string", strings::trim_right),
    plain("trim_space", "(value: string) => output: string", strings::trim_space),
    plain("trim_suffix", "(value: string, suffix: string) => output: string", strings::trim_suffix),
    plain("type_name", "(x: any) => type: string", types::name),
    plain("union", "(xs: set[set[any]]) => y: set[any]", collections::union),
    plain("units.parse", "(x: string) => y: number", units::parse),
    plain("units.parse_bytes", "(x: string) => y: number", units::parse_bytes),
    plain("upper", "(x: string) => y: string", strings::upper),
    plain("uri.is_valid", "(uri: string) => result: boolean", uri::is_valid),
    plain("uri.parse", "(uri: string) => output: object[string: string]", uri::parse_uri),
    plain("urlquery.decode", "(x: string) => y: string", encoding::urlquery_decode),
    plain(
        "urlquery.decode_object",
        "(x: string) => object: object[string: array[string]]",
        encoding::urlquery_decode_object,
    ),
    plain("urlquery.encode", "(x: string) => y: string", encoding::urlquery_encode),
    plain(
        "urlquery.encode_object",
        "(object: object[string: any<string, array[string], set[string]>]) => y: string",
        encoding::urlquery_encode_object,
    ),
    plain("uuid.parse", "(uuid: string) => result: object[string: any]", uuid::parse),
    plain("uuid.rfc4122", "(k: string) => output: string", uuid::rfc4122),
    relation(plain("walk", "(x: any) => output: array<array[any], any>", internal)),
    plain("yaml.is_valid", "(x: string) => result: boolean", encoding::yaml_is_valid),
    plain("yaml.marshal", "(x: any) => y: string", encoding::yaml_marshal),
    plain("yaml.unmarshal", "(x: string) => y: any", encoding::yaml_unmarshal),
];
