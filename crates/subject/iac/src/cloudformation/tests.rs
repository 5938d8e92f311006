use std::path::Path;

use probity_model::{Sources, json};
use proptest::prelude::*;

use super::*;

fn read_text(text: &str) -> (Vec<String>, Vec<String>) {
    let sources = Sources::default();
    let source = sources.add("t.yaml", text);
    let read = read(text, source);
    let subjects = read.subjects.iter().map(|subject| format!("{} {:?}", subject.address, subject.document)).collect();
    let problems = read.problems.iter().map(|problem| problem.display(&sources, Path::new("t.yaml"))).collect();
    (subjects, problems)
}

/// A template with these sections and one resource that has a value.
fn evaluated(sections: &str, value: &str) -> String {
    let text = format!(
        "{sections}\nResources:\n  B: {{Type: AWS::S3::Bucket}}\n  A:\n    Type: T\n    Properties:\n      V: {value}\n"
    );
    let (subjects, problems) = read_text(&text);
    assert_eq!(problems, Vec::<String>::new(), "{value}");
    let found = subjects.iter().find_map(|subject| subject.strip_prefix("T.A ")).unwrap();
    found.strip_prefix("{\"V\": ").and_then(|found| found.strip_suffix('}')).unwrap_or("nothing").to_owned()
}

const SECTIONS: &str = r#"
Parameters:
  Env: {Type: String, Default: dev}
  Open: {Type: String}
  Names: {Type: CommaDelimitedList, Default: "a, b"}
  Vpc: {Type: "AWS::EC2::VPC::Id"}
  Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: /a/b}
Mappings:
  Sizes:
    dev: {Count: 1, Same: x, List: [p, q]}
    prod: {Count: 3, Same: x}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsDev: !Not [!Condition IsProd]
  IsOpen: !Equals [!Ref Open, "yes"]
  Never: !And [!Condition IsOpen, !Condition IsProd]
  Always: !Or [!Condition IsOpen, !Condition IsDev]
  Here: !Equals [!Ref "AWS::Region", eu-central-1]
"#;

#[test]
fn functions() {
    for (value, expected) in [
        ("!Ref Env", r#""dev""#),
        ("!Ref Names", r#"["a", "b"]"#),
        ("!Ref Open", "<unknown: the parameter `Open`, which has no default>"),
        ("!Ref Image", "<unknown: the parameter `Image`, which is kept in Systems Manager>"),
        ("!Ref Vpc", "<unknown: Vpc>"),
        ("!Ref B", "<unknown: B>"),
        ("!Ref AWS::Region", "<unknown: AWS::Region>"),
        ("!Ref AWS::NoValue", "nothing"),
        ("[1, !Ref AWS::NoValue, 2]", "[1, 2]"),
        ("!GetAtt B.Arn", "<unknown: B.Arn>"),
        ("{\"Fn::GetAtt\": B.Arn}", "<unknown: B.Arn>"),
        ("!Sub a-${Env}-${!x}", r#""a-dev-${x}""#),
        ("!Sub arn:aws:iam::${AWS::AccountId}:root", r#""arn:aws:iam::${AWS::AccountId}:root""#),
        ("!Sub \"${B.Arn}/*\"", r#""${B.Arn}/*""#),
        ("!Sub \"${B}\"", "<unknown: B>"),
        ("!Sub \"${Open}/*\"", "<unknown: the parameter `Open`, which has no default>"),
        ("!Sub [\"${x}-${Env}\", {x: !Select [1, !Ref Names]}]", r#""b-dev""#),
        ("!Sub open ${", r#""open ${""#),
        ("!Join [\":\", [a, !Ref Env, 1]]", r#""a:dev:1""#),
        ("!Join [\"\", [\"arn:\", !Ref AWS::Partition, \":s3:::\", !Ref B]]", r#""arn:${AWS::Partition}:s3:::${B}""#),
        ("!Join [\",\", !Ref Names]", r#""a,b""#),
        ("!Split [\",\", \"a,b\"]", r#"["a", "b"]"#),
        ("!Split [\":\", !Sub \"a:${AWS::Region}\"]", "<unknown: AWS::Region>"),
        ("!Select [\"0\", [!Ref B, c]]", "<unknown: B>"),
        ("!Select [0, !GetAZs \"\"]", "<unknown: what `Fn::GetAZs` gives>"),
        ("!FindInMap [Sizes, !Ref Env, Count]", "1"),
        ("!FindInMap [Sizes, !Ref Open, Same]", r#""x""#),
        ("!FindInMap [Sizes, !Ref Open, Count]", "<unknown: the parameter `Open`, which has no default>"),
        ("!FindInMap [Sizes, test, Count, {DefaultValue: 7}]", "7"),
        ("!Select [1, !FindInMap [Sizes, dev, List]]", r#""q""#),
        ("!If [IsProd, a, b]", r#""b""#),
        ("!If [IsDev, a, !Ref AWS::NoValue]", r#""a""#),
        ("!If [IsOpen, a, a]", r#""a""#),
        ("!If [IsOpen, a, b]", "<unknown: what the condition `IsOpen` decides>"),
        (
            "!If [IsOpen, {k: 1, l: 2}, {k: 1, m: 3}]",
            "{\"k\": 1, \"l\": <unknown: what the condition `IsOpen` decides>, \"m\": <unknown: what the condition `IsOpen` decides>}",
        ),
        ("!If [Never, a, b]", r#""b""#),
        ("!If [Always, a, b]", r#""a""#),
        ("!If [Here, a, b]", "<unknown: what the condition `Here` decides>"),
        ("!Base64 {\"Fn::Sub\": \"run ${Env}\"}", r#""run dev""#),
        ("{UserData: ZWNobyBoZWxsbw==}", r#"{"UserData": "echo hello"}"#),
        ("!Cidr [10.0.0.0/16, 3, 8]", r#"["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]"#),
        ("{\"Fn::Length\": !Ref Names}", "2"),
        ("{\"Fn::ToJsonString\": {a: !Ref Env, b: !Ref B}}", r#""{\"a\":\"dev\",\"b\":\"${B}\"}""#),
        ("!ImportValue x", "<unknown: the export `x` of another stack>"),
        ("{\"Fn::Transform\": {Name: M}}", "<unknown: what the macro `M` makes>"),
        ("'{{resolve:ssm:/a/b}}'", "<unknown: what `{{resolve:ssm:/a/b}}` resolves to>"),
        ("'{{resolve:secretsmanager:a}}'", r#""{{resolve:secretsmanager:a}}""#),
        ("{Condition: {StringEquals: {a: b}}}", r#"{"Condition": {"StringEquals": {"a": "b"}}}"#),
    ] {
        assert_eq!(evaluated(SECTIONS, value), expected, "{value}");
    }
}

#[test]
fn conditions_decide_which_resources_there_are() {
    let text = format!(
        "{SECTIONS}\nResources:\n  P: {{Type: T, Condition: IsProd}}\n  D: {{Type: T, Condition: IsDev}}\n  O: {{Type: T, Condition: IsOpen}}\n"
    );
    assert_eq!(read_text(&text), (vec!["T.D {}".into(), "T.O {}".into()], Vec::new()));
}

#[test]
fn loops_make_resources_and_properties() {
    let text = r#"
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Outer:
    - Name
    - [a-1, b]
    - Bucket&{Name}:
        Type: T
        Properties:
          Own: !Ref Name
          Text: !Sub "${Name}-${AWS::Region}"
          Fn::ForEach::Inner:
            - Key
            - [X, Y]
            - "${Key}${Name}": !Ref Key
  Fn::ForEach::Open:
    - Zone
    - !Ref Zones
    - "Net${Zone}": {Type: T}
Parameters:
  Zones: {Type: CommaDelimitedList}
"#;
    let (subjects, problems) = read_text(text);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        subjects,
        [
            r#"T.Bucketa1 {"Own": "a-1", "Text": "a-1-${AWS::Region}", "Xa-1": "X", "Ya-1": "Y"}"#,
            r#"T.Bucketb {"Own": "b", "Text": "b-${AWS::Region}", "Xb": "X", "Yb": "Y"}"#,
            "T.NetZone {}",
        ]
    );
}

#[test]
fn references_are_edges_in_both_formats() {
    for text in [
        "Resources:\n  B: {Type: AWS::S3::Bucket, Properties: {BucketName: logs}}\n  P: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Ref B}}\n  Q: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: logs}}\n  F: {Type: T, DependsOn: P, Properties: {A: !Sub \"${B.Arn}/x\"}}\n",
        r#"{"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "logs"}},
            "P": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "B"}}},
            "Q": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "logs"}},
            "F": {"Type": "T", "DependsOn": ["P"], "Properties": {"A": {"Fn::Join": ["", [{"Fn::GetAtt": ["B", "Arn"]}, "/x"]]}}}}}"#,
    ] {
        assert!(glance(text));
        let read = read(text, SourceId(0));
        let name =
            |index: probity_model::NodeIndex| read.subjects[index.0 as usize].address.rsplit('.').next().unwrap();
        let mut edges: Vec<String> = read.edges.iter().map(|(a, b)| format!("{}{}", name(*a), name(*b))).collect();
        edges.sort();
        assert_eq!(edges, ["FB", "FP", "PB", "QB"]);
    }
}

#[test]
fn skips_are_comments_and_metadata() {
    let text = "Resources:\n  A:\n    # checkov:skip=CKV_AWS_18:logs go elsewhere\n    Type: T\n    Metadata:\n      checkov:\n        skip:\n          - {id: CKV_AWS_21, comment: short-lived}\n      probity:\n        skip: [{id: PRB-A, expires: \"2027-01-31\"}, {comment: none}]\n  B: {Type: T}\n";
    let read = read(text, SourceId(0));
    let skips = |index: usize| -> Vec<String> {
        let skips = read.subjects[index].skips.iter();
        skips.map(|skip| format!("{} {}", skip.policies[0], skip.reason.as_deref().unwrap_or_default())).collect()
    };
    assert_eq!(skips(0), ["CKV_AWS_18 logs go elsewhere", "PRB-A ", "CKV_AWS_21 short-lived"]);
    assert_eq!(skips(1), Vec::<String>::new());
    assert_eq!(read.problems[0].message, "the skip names no policy");
}

#[test]
fn attributes_of_resources_stand_beside_their_properties() {
    let (subjects, _) = read_text(
        "Resources:\n  A: {Type: T, DeletionPolicy: Retain, Properties: {P: 1}}\n  B: {Type: T, DeletionPolicy: Retain, Properties: {DeletionPolicy: own}}\n",
    );
    assert_eq!(subjects, [r#"T.A {"DeletionPolicy": "Retain", "P": 1}"#, r#"T.B {"DeletionPolicy": "own"}"#]);
}

#[test]
fn places() {
    let sources = Sources::default();
    let text = "Resources:\n  Bucket:\n    Type: T\n    Properties:\n      Inner:\n        Deep: !Sub x\n";
    let source = sources.add("t.yaml", text);
    let read = read(text, source);
    let at = |span| sources.locate(span).unwrap();
    let subject = &read.subjects[0];
    assert_eq!((at(subject.header.unwrap()).line, at(subject.header.unwrap()).end_column), (2, 9));
    let inner = subject.document.get("Inner").unwrap().as_object().unwrap();
    assert_eq!(at(inner.span("Deep").unwrap()).line, 6);
}

#[test]
fn sam_merges_globals_and_makes_resources() {
    let text = r#"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Timeout: 3
    Environment: {Variables: {A: x}}
    Layers: [one]
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 5
      Environment: {Variables: {B: !Ref T}}
      Layers: [two]
      Policies:
        - AmazonS3ReadOnlyAccess
        - S3ReadPolicy: {BucketName: b}
        - Statement: [{Effect: Allow, Action: "*", Resource: "*"}]
      FunctionUrlConfig: {AuthType: NONE}
  T:
    Type: AWS::Serverless::SimpleTable
  S:
    Type: AWS::Serverless::StateMachine
    Properties: {Role: !GetAtt R.Arn, Tracing: {Enabled: true}}
  R: {Type: AWS::IAM::Role}
"#;
    let (subjects, problems) = read_text(text);
    assert_eq!(problems, Vec::<String>::new());
    let find = |address: &str| {
        let found = subjects.iter().find(|subject| subject.starts_with(&format!("{address} ")));
        found.unwrap_or_else(|| panic!("{address} in {subjects:?}")).clone()
    };
    let function = find("AWS::Serverless::Function.F");
    for part in [r#""Timeout": 5"#, r#"{"A": "x", "B": <unknown: T>}"#, r#""Layers": ["one", "two"]"#] {
        assert!(function.contains(part), "{function}");
    }
    let role = find("AWS::IAM::Role.FRole");
    for part in ["lambda.amazonaws.com", "AWSLambdaBasicExecutionRole", "AmazonS3ReadOnlyAccess", r#""Action": "*""#] {
        assert!(role.contains(part), "{role}");
    }
    assert!(find("AWS::Lambda::Url.FUrl").contains(r#""AuthType": "NONE""#));
    assert_eq!(find("AWS::DynamoDB::Table.T"), "AWS::DynamoDB::Table.T {}");
    assert!(find("AWS::StepFunctions::StateMachine.S").contains(r#""TracingConfiguration": {"Enabled": true}"#));
    assert!(!subjects.iter().any(|subject| subject.starts_with("AWS::IAM::Role.SRole")));
}

#[test]
fn what_is_wrong_is_told_and_the_rest_is_read() {
    let mut wrong = Vec::new();
    for (text, address, expected) in [
        (
            "Resources:\n  A: {Properties: {}}\n  B: {Type: T}\n",
            "T.B",
            "t.yaml:2:3: the resource `A` has no `Type` (it is not judged without)",
        ),
        (
            "Resources:\n  A: text\n  B: {Type: T}\n",
            "T.B",
            "t.yaml:2:3: the resource `A` is a string, not a mapping (give it a `Type` and `Properties`)",
        ),
        ("Resources:\n  B: {Type: T, Properties: [1]}\n", "T.B", "t.yaml:2:16: `Properties` is a list, not a mapping"),
        (
            "Resources:\n  Bucket: {Type: T, Properties: {a: !Ref Buckt}}\n",
            "T.Bucket",
            "t.yaml:2:37: `Buckt` is neither a parameter nor a resource of this template (did you mean `Bucket`?)",
        ),
        (
            "Resources:\n  B: {Type: T, Properties: {a: !Sub 'x ${y}'}}\n",
            "T.B",
            "t.yaml:2:32: `y` is neither a parameter nor a resource of this template (a `${}` that is meant literally is written `${!}`)",
        ),
        (
            "Resources:\n  B: {Type: T, Properties: {a: !Nope x}}\n",
            "T.B",
            "t.yaml:2:32: there is no function `Fn::Nope`",
        ),
        (
            "Resources:\n  B: {Type: T, Properties: {a: !Select [3, [x]]}}\n",
            "T.B",
            "t.yaml:2:32: `Fn::Select` wants element 3 of 1 (elements are counted from 0)",
        ),
        (
            "Resources:\n  B: {Type: T, Properties: {a: !If [C, 1]}}\n",
            "T.B",
            "t.yaml:2:32: `Fn::If` takes the name of a condition and two values",
        ),
        ("Resources:\n  B: {Type: T, Condition: C}\n", "T.B", "t.yaml:2:16: there is no condition `C`"),
        (
            "Conditions:\n  C: !Not [!Condition D]\n  D: !Not [!Condition C]\nResources:\n  B: {Type: T, Condition: C}\n",
            "T.B",
            "t.yaml:3:12: the condition `C` refers to itself",
        ),
        (
            "Resources:\n  Fn::ForEach::X: [a]\n  B: {Type: T}\n",
            "T.B",
            "t.yaml:2:3: `Fn::ForEach` is not a list of identifier, collection and mapping (write `[Name, [a, b], {Key${Name}: ...}]`)",
        ),
        (
            "Resources:\n  A:\n    Type: T\n    Properties:\n      x: [1, \n  B:\n    Type: T\n",
            "T.B",
            "t.yaml:6:3: not valid YAML",
        ),
        (
            "Resources:\n  B:\n    Type: T\n  A:\n    Type: T\n    Properties:\n      x: \"half\n",
            "T.B",
            "t.yaml:7:10: not valid YAML",
        ),
    ] {
        let (subjects, problems) = read_text(text);
        assert!(subjects.iter().any(|subject| subject.starts_with(address)), "{text}: {subjects:?} {problems:?}");
        let problems = problems.join("\n");
        if !problems.starts_with(expected) || problems.contains('\n') {
            wrong.push(format!("{text}{problems}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn whatever_the_template_is_evaluation_ends() {
    let names: Vec<String> = (0..200).map(|number| format!("n{number}")).collect();
    let names = names.join(", ");
    let loops = format!(
        "Resources:\n  Fn::ForEach::A:\n    - A\n    - [{names}]\n    - Fn::ForEach::B:\n        - B\n        - [{names}]\n        - Fn::ForEach::C:\n            - C\n            - [{names}]\n            - \"${{A}}${{B}}${{C}}\": {{Type: T}}\n"
    );
    let chain: String = (0..2_000).map(|number| format!("  C{number}: !Not [!Condition C{}]\n", number + 1)).collect();
    let conditions = format!("Conditions:\n{chain}Resources:\n  A: {{Type: T, Condition: C0}}\n");
    let mut doubling =
        "Mappings: {}\nParameters:\n  P: {Type: String, Default: x}\nResources:\n  A:\n    Type: T\n    Properties:\n"
            .to_owned();
    doubling.push_str("      a: &a0 !Join ['', [x, x, x, x, x, x, x, x, x, x]]\n");
    for level in 1..6 {
        let inner = format!("*a{},", level - 1).repeat(10);
        doubling.push_str(&format!("      a{level}: &a{level} !Join ['', [{}]]\n", inner.trim_end_matches(',')));
    }
    let nested =
        format!("Resources:\n  A:\n    Type: T\n    Properties:\n      a: {}1{}\n", "[".repeat(240), "]".repeat(240));
    for (text, expected) in [(loops, "steps"), (conditions, "deeper"), (doubling, ""), (nested, "")] {
        let (_, problems) = read_text(&text);
        assert!(
            expected.is_empty() || problems.iter().any(|problem| problem.contains(expected)),
            "{expected}: {problems:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_value_is_evaluated_or_refused(
        value in "(!Ref |!Sub |!GetAtt |!If |!Join |!Select |!Split |!Cidr |!FindInMap |!Not |!Equals |!And |Fn::ForEach::a: |[-AB:{}\\[\\],&*'\" 0-9.$\n]|\\$\\{A\\}){0,24}"
    ) {
        let text = format!("Conditions:\n  C: {value}\nResources:\n  A:\n    Type: T\n    Condition: C\n    Properties:\n      a: {value}\n");
        let sources = Sources::default();
        let read = read(&text, sources.add("t.yaml", text.clone()));
        for subject in &read.subjects {
            prop_assert!(!json::write(&subject.document).is_empty());
            prop_assert!(sources.locate(subject.header.unwrap()).is_some());
        }
    }

    #[test]
    fn a_cut_template_is_read_as_far_as_it_goes(cut in 0..SECTIONS.len()) {
        if SECTIONS.is_char_boundary(cut) {
            let text = format!("Resources:\n  First: {{Type: T}}\n{}", &SECTIONS[..cut]);
            let (subjects, _) = read_text(&text);
            prop_assert_eq!(subjects, vec!["T.First {}".to_owned()]);
        }
    }
}
