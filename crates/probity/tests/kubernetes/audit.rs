//! What is there already is judged, by the replica that leads, and what became worse is told.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cluster::{ADMIN, Cluster, eventually};
use crate::gate::Gate;
use crate::kept::{install_reports, told};

const TAGS: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: tags}
spec:
  rules:
    - name: require-tag
      match: {any: [{resources: {kinds: [Pod]}}]}
      validate:
        failureAction: Enforce
        message: the image has the tag latest
        deny:
          conditions:
            any: [{key: '*:latest', operator: AnyIn, value: '{{ request.object.spec.containers[].image }}'}]
";

/// Not of any object at first; a file that changes makes it one of all Pods without the label.
const TEAMS: &str = "
package clinic

deny contains msg if {
  input.kind == \"Nothing\"
  not input.metadata.labels.team
  msg := \"nobody answers for it\"
}
";

/// Looks at what else is in the namespace.
const ISOLATED: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: isolated}
spec:
  rules:
    - name: has-a-policy
      match: {any: [{resources: {kinds: [Pod]}}]}
      context:
        - name: count
          apiCall:
            urlPath: '/apis/networking.k8s.io/v1/namespaces/{{ request.namespace }}/networkpolicies'
            jmesPath: items | length(@)
      validate:
        failureAction: Enforce
        message: no NetworkPolicy is about it
        deny:
          conditions:
            all: [{key: '{{ count }}', operator: Equals, value: 0}]
";

const NETWORK: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nothing}
spec: {podSelector: {}}
";

const CONFIG: &str = "
admission: {cluster: eu-1}
waivers: waivers.yaml
stages: {default: enforce, rules: [{gate: admission, policies: ['PRB-*'], stage: observe}]}
";

/// The built-in policies are not asked, so that reports have what the tests put there.
fn config() -> String {
    format!("{CONFIG}policies: {{exclude: ['PRB-*']}}\n")
}

const WAIVERS: &str = "
waivers:
  - policy: tags/require-tag
    subject: Pod/*/old
    reason: goes next month
    requested_by: ann@example.com
    approved_by: bob@example.com
    expires: 2999-01-01
";

fn pod(name: &str, image: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{{name: web, image: '{image}'}}]}}}}"
    )
}

const LATEST: &str = "registry.example.com/portal:latest";
const TAGGED: &str = "registry.example.com/portal:1.2";

fn policies() -> Vec<(&'static str, &'static str)> {
    vec![("tags.yaml", TAGS), ("teams.rego", TEAMS)]
}

fn installed(cluster: &Cluster) -> Gate {
    let gate = Gate::install(cluster, &policies(), &config());
    fs::write(gate.folder().join("waivers.yaml"), WAIVERS).unwrap();
    gate
}

/// Waits until the reports of a namespace are these, each an object and what does not hold.
fn reported(cluster: &Cluster, gate: &Gate, namespace: &str, wanted: &str) {
    let is_so = || {
        let now = told(cluster, "polr", namespace);
        (now == wanted).then_some(())
    };
    let end = Instant::now() + Duration::from_secs(40);
    while is_so().is_none() {
        assert!(
            Instant::now() < end,
            "reports are {:?} and not {wanted:?}: {}{}",
            told(cluster, "polr", namespace),
            gate.said(),
            gate.metrics()
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn what_was_there_before_is_judged_and_what_gets_worse_is_told() {
    let Some(cluster) = Cluster::start(None) else { return };
    install_reports(&cluster, "wgpolicyk8s.io");
    let clinic = cluster.namespace("clinic");
    for (name, image) in [("portal", LATEST), ("old", LATEST), ("records", TAGGED)] {
        cluster.apply(ADMIN, &clinic, &pod(name, image)).done();
    }
    let mut gate = installed(&cluster);
    // What is in the system's namespaces is not told of.
    eventually("the system's namespace has its service account", || {
        cluster.apply(ADMIN, "kube-system", &pod("system", LATEST)).status.success().then_some(())
    });
    gate.start(&cluster, &[]);
    reported(&cluster, &gate, &clinic, "portal: 1 the image has the tag latest\n");
    assert_eq!(told(&cluster, "polr", "kube-system"), "");
    let shown = ["get", "polr", "--namespace", &clinic, "--output=jsonpath={.items[0].results[0]}"];
    let shown = cluster.kubectl(ADMIN, &shown).done();
    assert!(shown.contains(r#""policy":"tags/require-tag""#) && shown.contains(r#""object":"sha256:"#), "{shown}");
    assert_eq!(gate.figure("probity_admission_leads"), Some(1.0));
    assert_eq!(gate.figure("probity_audit_failing"), Some(1.0));

    // What is mended has no report, and what is new has one.
    let mend = ["set", "image", "pod/portal", &format!("web={TAGGED}"), "--namespace", &clinic];
    cluster.kubectl(ADMIN, &mend).done();
    reported(&cluster, &gate, &clinic, "");
    let drift = || gate.probity(&["evidence", "query", "--kind", "drift", "--limit", "1000"]);
    assert_eq!(drift().matches("policy-changed").count(), 0, "{}", drift());

    // A policy that changes is asked of all that is there.
    fs::write(gate.folder().join("policies/teams.rego"), TEAMS.replace("Nothing", "Pod")).unwrap();
    let three = ["old", "portal", "records"].map(|name| format!("{name}: 1 nobody answers for it\n")).concat();
    reported(&cluster, &gate, &clinic, &three);
    for name in ["old", "portal", "records"] {
        let address = format!("Pod/{clinic}/{name}");
        eventually("the ledger has the drift", || {
            let lines = drift();
            let words = ["policy-changed", &address, "nobody answers for it"];
            lines.lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
        });
    }
    let passed = WAIVERS.replace("2999", "2020");
    fs::write(gate.folder().join("waivers.yaml"), passed).unwrap();
    eventually("the ledger has what the end of the waiver means", || {
        let lines = drift();
        let words = ["waiver-expired", "expired on 2020-01-01", &format!("Pod/{clinic}/old")];
        lines.lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
    });
    // The same objects are not told twice.
    assert_eq!(drift().lines().filter(|line| line.contains(&clinic)).count(), 4, "{}", drift());

    // What goes takes its report along.
    for name in ["portal", "records"] {
        cluster.kubectl(ADMIN, &["delete", "pod", name, "--namespace", &clinic, "--grace-period=0", "--force"]).done();
    }
    eventually("one report is left", || (told(&cluster, "polr", &clinic).lines().count() == 1).then_some(()));
    assert!(told(&cluster, "polr", &clinic).starts_with("old: 2 "));
    gate.end(Signal::INT);
    let verified = gate.probity(&["evidence", "verify"]);
    assert!(verified.contains("are whole"), "{verified}{}", gate.said());
}

#[test]
fn what_is_around_an_object_changes_what_is_said_of_it() {
    let Some(cluster) = Cluster::start(None) else { return };
    install_reports(&cluster, "wgpolicyk8s.io");
    let [clinic, shop] = ["clinic", "shop"].map(|name| cluster.namespace(name));
    for namespace in [&clinic, &shop] {
        cluster.apply(ADMIN, namespace, NETWORK).done();
        cluster.apply(ADMIN, namespace, &pod("portal", TAGGED)).done();
    }
    let mut gate = Gate::install(&cluster, &[("isolated.yaml", ISOLATED)], &config());
    fs::write(gate.folder().join("waivers.yaml"), WAIVERS).unwrap();
    gate.start(&cluster, &[]);
    eventually("all was judged", || (gate.figure("probity_audit_judged_total") >= Some(2.0)).then_some(()));
    reported(&cluster, &gate, &clinic, "");

    // Rounds are minutes apart; this is told at once.
    cluster.kubectl(ADMIN, &["delete", "networkpolicy", "nothing", "--namespace", &clinic]).done();
    reported(&cluster, &gate, &clinic, "portal: 1 no NetworkPolicy is about it\n");
    reported(&cluster, &gate, &shop, "");
    let drift = || gate.probity(&["evidence", "query", "--kind", "drift", "--limit", "1000"]);
    let words = ["surroundings-changed", &format!("Pod/{clinic}/portal"), "no NetworkPolicy is about it"];
    eventually("the ledger has the drift", || {
        drift().lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
    });
    assert_eq!(drift().matches("surroundings-changed").count(), 1, "{}", drift());
    cluster.apply(ADMIN, &clinic, NETWORK).done();
    reported(&cluster, &gate, &clinic, "");
    gate.end(Signal::INT);
}

#[test]
fn one_of_two_replicas_leads_and_the_other_goes_on_with_its_work() {
    let Some(cluster) = Cluster::start(None) else { return };
    install_reports(&cluster, "wgpolicyk8s.io");
    let clinic = cluster.namespace("clinic");
    cluster.apply(ADMIN, &clinic, &pod("portal", LATEST)).done();
    let mut first = installed(&cluster);
    let mut second = first.replica(&cluster, &policies(), &config());
    fs::write(second.folder().join("waivers.yaml"), WAIVERS).unwrap();
    first.start(&cluster, &[]);
    let report = "portal: 1 the image has the tag latest\n";
    reported(&cluster, &first, &clinic, report);
    second.start(&cluster, &[]);
    eventually("the second answers", || second.is_ready().then_some(()));
    let leads = |gate: &Gate| gate.figure("probity_admission_leads") == Some(1.0);
    assert!(leads(&first) && !leads(&second), "{}\n{}", first.said(), second.said());
    // Both answer.
    let review = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","kind":{{"group":"","version":"v1","kind":"Pod"}},
        "resource":{{"group":"","version":"v1","resource":"pods"}},"operation":"CREATE","namespace":"{clinic}","name":"bad","dryRun":true,
        "userInfo":{{"username":"ann"}},"object":{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"bad","namespace":"{clinic}"}},
        "spec":{{"containers":[{{"name":"web","image":"{LATEST}"}}]}}}}}}}}"#
    );
    for gate in [&first, &second] {
        let (status, answer) = gate.post("/validate/fail", review.as_bytes());
        assert!(status == 200 && answer.contains("the image has the tag latest"), "{answer}");
    }

    // The leader is gone without a word.
    first.end(Signal::KILL);
    eventually("the second leads", || leads(&second).then_some(()));
    let uid = ["get", "polr", "--namespace", &clinic, "--output=jsonpath={.items[*].metadata.uid}"];
    let before = cluster.kubectl(ADMIN, &uid).done();
    eventually("the second knows all", || {
        let known = second.figure("probity_audit_objects").is_some_and(|known| known > 0.0);
        (known && second.figure("probity_audit_round_seconds").is_some_and(|took| took > 0.0)).then_some(())
    });
    assert_eq!(told(&cluster, "polr", &clinic), report);
    assert_eq!(cluster.kubectl(ADMIN, &uid).done(), before);

    // The first comes back, and does not lead; then the leader ends as it is asked to, and gives its place up at once.
    first.start(&cluster, &[]);
    eventually("the first answers", || first.is_ready().then_some(()));
    assert!(!leads(&first) && leads(&second));
    let since = Instant::now();
    second.end(Signal::TERM);
    eventually("the first leads", || leads(&first).then_some(()));
    assert!(since.elapsed() < Duration::from_secs(12), "{:?}", since.elapsed());
    let mend = ["set", "image", "pod/portal", &format!("web={TAGGED}"), "--namespace", &clinic];
    // The webhooks went with the second; the first brings them back.
    cluster.kubectl(ADMIN, &mend).done();
    reported(&cluster, &first, &clinic, "");
}

/// Makes objects of a namespace straight through the API, on many connections.
fn make(cluster: &Cluster, plural: &str, namespace: &str, count: usize, object: impl Fn(usize) -> String + Sync) {
    const CONNECTIONS: usize = 16;
    let (address, authority, token) = cluster.access(ADMIN);
    let url = format!("{address}/api/v1/namespaces/{namespace}/{plural}");
    let certificates = ureq::tls::Certificate::from_pem(&authority).unwrap();
    std::thread::scope(|scope| {
        for first in 0..CONNECTIONS {
            let (url, token, object, certificates) = (&url, &token, &object, certificates.clone());
            scope.spawn(move || {
                let tls = ureq::tls::TlsConfig::builder()
                    .unversioned_rustls_crypto_provider(probity_crypto::tls::provider())
                    .root_certs(ureq::tls::RootCerts::Specific(std::sync::Arc::new(vec![certificates])))
                    .build();
                let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
                for number in (first..count).step_by(CONNECTIONS) {
                    let request = agent.post(url).header("authorization", format!("Bearer {token}"));
                    let answer = request.content_type("application/json").send(object(number));
                    answer.unwrap().body_mut().read_to_vec().unwrap();
                }
            });
        }
    });
}

fn measured_pod(number: usize) -> String {
    let tag = if number.is_multiple_of(100) { "latest" } else { "1.2" };
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"portal-{number}","labels":{{"app":"portal","team":"t{}"}}}},
        "spec":{{"containers":[{{"name":"web","image":"registry.example.com/clinic/portal:{tag}","ports":[{{"containerPort":8080}}],
        "env":[{{"name":"DATABASE","value":"postgres.clinic.svc"}},{{"name":"SHARD","value":"{number}"}}],
        "resources":{{"limits":{{"cpu":"1","memory":"256Mi"}}}},
        "securityContext":{{"runAsNonRoot":true,"allowPrivilegeEscalation":false}}}}]}}}}"#,
        number % 50
    )
}

fn measured_map(number: usize) -> String {
    let text = format!("setting of {number} ").repeat(30);
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"settings-{number}","labels":{{"team":"t"}}}},
        "data":{{"text":"{text}"}}}}"#
    )
}

/// Waits until so many objects more have been judged than were at `before`; gives how long that took.
fn judged(gate: &Gate, before: f64, count: usize) -> Duration {
    let since = Instant::now();
    let end = since + Duration::from_mins(5);
    let count = f64::from(u32::try_from(count).unwrap());
    while gate.figure("probity_audit_judged_total").is_none_or(|judged| judged < before + count) {
        assert!(Instant::now() < end, "{}{}", gate.said(), gate.metrics());
        std::thread::sleep(Duration::from_millis(20));
    }
    since.elapsed()
}

#[test]
#[ignore = "takes minutes; PROBITY_BINARY names a release build, PROBITY_OBJECTS how many objects (100000)"]
fn many_objects_are_judged_quickly_and_in_little_memory() {
    const PODS: usize = 10_000;
    let all: usize = std::env::var("PROBITY_OBJECTS").map_or(100_000, |text| text.parse().unwrap());
    let Some(cluster) = Cluster::start(None) else { return };
    install_reports(&cluster, "wgpolicyk8s.io");
    let clinic = cluster.namespace("clinic");
    make(&cluster, "pods", &clinic, PODS, measured_pod);
    let mut gate = Gate::install(&cluster, &[("tags.yaml", TAGS)], &config().replace("waivers: waivers.yaml", ""));
    let memory = |gate: &Gate| format!("{} KiB, at most {}", gate.memory("VmRSS"), gate.memory("VmHWM"));
    gate.start(&cluster, &[]);
    println!("{PODS} Pods are judged after {:?}", judged(&gate, 0.0, PODS));
    // Until reports could be taken they were judged once more.
    std::thread::sleep(Duration::from_secs(5));
    println!("{}", memory(&gate));

    // All fail now: what fails takes longest.
    let before = gate.figure("probity_audit_judged_total").unwrap();
    let owners = TEAMS.replace("\"Nothing\"", "\"Pod\"").replace("labels.team", "labels.owner");
    fs::write(gate.folder().join("policies/teams.rego"), owners).unwrap();
    let took = judged(&gate, before, PODS);
    let look = || gate.figure("probity_audit_round_seconds").unwrap();
    println!("{PODS} Pods are judged again {took:?} after the file changed");
    assert!(took < Duration::from_secs(5), "{took:?}");
    std::thread::sleep(Duration::from_secs(2));
    println!("of that the look at all took {} s; {}", look(), memory(&gate));
    fs::remove_file(gate.folder().join("policies/teams.rego")).unwrap();

    make(&cluster, "configmaps", &clinic, all - PODS, measured_map);
    gate.end(Signal::TERM);
    fs::write(gate.folder().join("policies/maps.rego"), TEAMS.replace("\"Nothing\"", "\"ConfigMap\"")).unwrap();
    gate.start(&cluster, &[]);
    println!("{all} objects are judged after {:?}", judged(&gate, 0.0, all));
    std::thread::sleep(Duration::from_secs(20));
    println!("the look at all took {} s; {}", gate.figure("probity_audit_round_seconds").unwrap(), memory(&gate));
    assert!(gate.memory("VmHWM") < 400 << 10);
}
