//! Made-up secrets of every kind, put together at run time so that no scanner of sources takes them for real ones.

/// A made-up secret.
pub(crate) struct Planted {
    pub(crate) what: &'static str,
    /// The name under which it stands.
    pub(crate) name: String,
    pub(crate) secret: String,
    /// Whether it is known without its name.
    pub(crate) has_form: bool,
}

/// Characters without a pattern.
fn fill(alphabet: &str, length: usize, seed: u32) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        letters[(state >> 8) as usize % letters.len()]
    })
    .take(length)
    .collect()
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Tokens that are known by their form: what it is, the parts of its prefix, the alphabet and length of the rest.
const FORMS: &[(&str, &[&str], &str, usize)] = &[
    ("AWS access key id", &["AK", "IA"], UPPER, 16),
    ("AWS temporary key id", &["AS", "IA"], UPPER, 16),
    ("AWS secret key", &[""], BASE64, 40),
    ("AWS session token", &["IQoJ", "b3JpZ2luX2Vj"], BASE64, 300),
    ("Azure client secret", &["abc", "8", "Q~"], ALNUM, 34),
    ("Google API key", &["AI", "za"], ALNUM, 35),
    ("Google OAuth secret", &["GOC", "SPX-"], ALNUM, 28),
    ("Google access token", &["ya", "29."], ALNUM, 60),
    ("GitHub classic token", &["gh", "p_"], ALNUM, 36),
    ("GitHub OAuth token", &["gh", "o_"], ALNUM, 36),
    ("GitHub app token", &["gh", "s_"], ALNUM, 36),
    ("GitHub refresh token", &["gh", "r_"], ALNUM, 36),
    ("GitHub fine-grained token", &["github", "_pat_"], ALNUM, 82),
    ("GitLab personal token", &["gl", "pat-"], ALNUM, 20),
    ("GitLab runner token", &["gl", "rt-"], ALNUM, 20),
    ("Slack bot token", &["xo", "xb-", "123456789012-123456789012-"], ALNUM, 24),
    ("Slack app token", &["xa", "pp-1-A012-123-"], HEX, 64),
    ("Slack webhook", &["https://hooks.sl", "ack.com/services/T012/B012/"], ALNUM, 24),
    ("Stripe secret key", &["sk_", "live_"], ALNUM, 24),
    ("Stripe restricted key", &["rk_", "live_"], ALNUM, 24),
    ("Stripe webhook secret", &["wh", "sec_"], ALNUM, 32),
    ("Twilio API key", &["S", "K"], HEX, 32),
    ("SendGrid key", &["S", "G.", "abcdefghijklmnopqrstuv."], ALNUM, 43),
    ("Mailgun key", &["ke", "y-"], HEX, 32),
    ("Brevo key", &["xkey", "sib-"], HEX, 64),
    ("npm token", &["np", "m_"], ALNUM, 36),
    ("PyPI token", &["pyp", "i-AgEIcHlwaS5vcmc"], ALNUM, 80),
    ("RubyGems key", &["ruby", "gems_"], HEX, 48),
    ("Docker Hub token", &["dckr", "_pat_"], ALNUM, 27),
    ("Heroku key", &["HR", "KU-"], ALNUM, 60),
    ("DigitalOcean token", &["do", "p_v1_"], HEX, 64),
    ("Databricks token", &["da", "pi"], HEX, 32),
    ("New Relic key", &["NR", "AK-"], UPPER, 27),
    ("Atlassian token", &["ATA", "TT3xFfGF0"], ALNUM, 180),
    ("Bitbucket app password", &["AT", "BB"], ALNUM, 32),
    ("Vault token", &["hv", "s."], ALNUM, 24),
    ("Vault legacy token", &["s", "."], ALNUM, 24),
    ("Terraform Cloud token", &["a1B2c3D4e5F6g7", ".atlas", "v1."], ALNUM, 67),
    ("Shopify token", &["shp", "at_"], HEX, 32),
    ("Square token", &["sq0", "atp-"], ALNUM, 22),
    ("Telegram bot token", &["123456789", ":A", "A"], ALNUM, 33),
    ("Discord bot token", &["MT", "IzNDU2Nzg5MDEyMzQ1Njc4", ".GabcdE."], ALNUM, 38),
    ("Discord webhook", &["https://dis", "cord.com/api/webhooks/123456789012345678/"], ALNUM, 68),
    ("OpenAI project key", &["sk-", "proj-"], ALNUM, 80),
    ("OpenAI key", &["sk", "-"], ALNUM, 48),
    ("Anthropic key", &["sk-", "ant-api03-"], ALNUM, 93),
    ("Hugging Face token", &["h", "f_"], ALNUM, 34),
    ("age key", &["AGE-SEC", "RET-KEY-1"], UPPER, 58),
    ("Grafana token", &["gl", "sa_"], ALNUM, 41),
    ("Linear key", &["lin", "_api_"], ALNUM, 40),
    ("Postman key", &["PM", "AK-"], HEX, 59),
    ("Doppler token", &["dp", ".pt."], ALNUM, 43),
    ("Sentry token", &["snt", "ryu_"], HEX, 64),
    ("Tailscale key", &["tsk", "ey-auth-"], ALNUM, 40),
    ("Okta token", &["0", "0"], ALNUM, 40),
    ("NuGet key", &["o", "y2"], LOWER, 43),
    ("crates.io token", &["ci", "o"], ALNUM, 32),
    ("Mailchimp key", &[""], HEX, 0),
    ("bcrypt hash", &["$2", "b$12$"], ALNUM, 53),
    ("SHA-512 crypt hash", &["$", "6$saltsalt$"], ALNUM, 86),
    ("Apache MD5 hash", &["$ap", "r1$saltsalt$"], ALNUM, 22),
    ("LDAP hash", &["{SS", "HA}"], BASE64, 32),
    ("random base64 key", &[""], BASE64, 43),
];

/// Secrets that only their name gives away: what it is, the name, the parts of the value.
const NAMED: &[(&str, &str, &[&str])] = &[
    ("password", "password", &["hun", "ter2-Q"]),
    ("password in capitals", "MYSQL_ROOT_PASSWORD", &["correct-", "horse"]),
    ("password in camel case", "masterUserPassword", &["Zx9!", "kk(l)e"]),
    ("password with a short name", "DB_PASS", &["tro", "ub4dor"]),
    ("Datadog key", "DD_API_KEY", &["0123456789abcdef", "fedcba9876543210"]),
    ("Heroku UUID key", "HEROKU_API_KEY", &["01234567-89ab-cdef-", "0123-456789abcdef"]),
    ("Twilio auth token", "TWILIO_AUTH_TOKEN", &["aaaabbbbccccdddd", "1111222233334444"]),
    ("Okta client secret", "okta_client_secret", &["abcDEF123456-", "_ghiJKL7890"]),
    ("Azure storage key", "storage_account_key", &["QUJDREVGR0hJSktMTU5PUFFSU1Q=", "x"]),
    ("SAS token", "sas_token", &["sv=2020-08-04&ss=b&sig=", "abc%2Bdef%3D"]),
    ("kubeconfig key", "client-key-data", &["LS0tQUJDREVGR0hJSktM", "TU5PUFFSU1RVVldYWVo="]),
    ("registry auth", "dockerconfigjson", &["eyJhdXRocyI6eyJyIjp7", "ImF1dGgiOiJhOmIifX19"]),
    ("passphrase", "gpg_passphrase", &["open-", "sesame-7"]),
    ("wireless key", "wpa_psk", &["my-wifi-", "is-fast"]),
    ("cookie secret", "COOKIE_SECRET", &["yummy-", "cookies-12"]),
    ("connection string", "connection_string", &["Server=db;User=sa;Pass", "word=abcXYZ9;Encrypt=true"]),
];

/// Every made-up secret.
pub(crate) fn planted() -> Vec<Planted> {
    let plain = |what, secret: String, has_form| Planted { what, name: "APP_SETTING".to_owned(), secret, has_form };
    let mut all: Vec<Planted> = Vec::new();
    for (index, (what, prefix, alphabet, length)) in FORMS.iter().enumerate() {
        let seed = u32::try_from(index).unwrap();
        let secret = match *what {
            "Mailchimp key" => format!("{}-us{}", fill(HEX, 32, seed), 12),
            _ => format!("{}{}", prefix.concat(), fill(alphabet, *length, seed)),
        };
        all.push(plain(*what, secret, true));
    }
    let body = |lines: u32| (0..lines).map(|line| fill(BASE64, 64, 100 + line)).collect::<Vec<_>>().join("\n");
    for (what, label) in [
        ("RSA key", "RSA PRIV"),
        ("PKCS #8 key", "PRIV"),
        ("EC key", "EC PRIV"),
        ("OpenSSH key", "OPENSSH PRIV"),
        ("encrypted key", "ENCRYPTED PRIV"),
    ] {
        let secret = format!("-----BEGIN {label}ATE KEY-----\n{}\n-----END {label}ATE KEY-----", body(6));
        all.push(plain(what, secret, true));
    }
    let pgp = format!("-----BEGIN PGP PRIV{}-----\n\n{}\n-----END PGP PRIV{0}-----", "ATE KEY BLOCK", body(5));
    all.push(plain("PGP key", pgp, true));
    let token = format!("ey{}.eyJ{}.{}", "JhbGciOiJIUzI1NiJ9", fill(ALNUM, 30, 7), fill(ALNUM, 43, 8));
    all.push(plain("JSON Web Token", token, true));
    for (what, name, parts) in NAMED {
        all.push(Planted { what, name: (*name).to_owned(), secret: parts.concat(), has_form: false });
    }
    all
}
