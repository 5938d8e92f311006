//! Cases of which Gatekeeper is asked as well.

/// Its violations are the whole of what it sees.
pub(crate) const TEMPLATE: &str = "
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: everything}
spec:
  crd:
    spec:
      names: {kind: Everything}
      validation:
        openAPIV3Schema:
          type: object
          required: [must]
          properties:
            must: {type: string, minLength: 2, pattern: '^[a-z]+$'}
            count: {type: integer, minimum: 1, maximum: 5, default: 3}
            list:
              type: array
              maxItems: 2
              items:
                type: object
                required: [a]
                properties:
                  a: {type: string, enum: [x, y]}
                  b: {type: boolean, default: true}
            map: {type: object, additionalProperties: {type: string}}
            any: {type: object, x-kubernetes-preserve-unknown-fields: true}
            port: {x-kubernetes-int-or-string: true}
            maybe: {type: string, nullable: true}
            inner: {type: object, default: {}, properties: {deep: {type: string, default: d}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package everything
      violation[{\"msg\": msg}] { msg := json.marshal({\"review\": input.review, \"parameters\": input.parameters}) }
";

/// What `spec.match` says.
pub(crate) const MATCHES: &[&str] = &[
    "{}",
    "{kinds: [{apiGroups: [''], kinds: [Pod]}]}",
    "{kinds: [{apiGroups: ['*'], kinds: ['*']}]}",
    "{kinds: [{apiGroups: [apps]}]}",
    "{kinds: [{kinds: [Namespace]}]}",
    "{kinds: [{apiGroups: [], kinds: []}]}",
    "{kinds: [{apiGroups: [apps], kinds: [Pod]}, {apiGroups: [rbac.authorization.k8s.io], kinds: [ClusterRole]}]}",
    "{kinds: []}",
    "{scope: Cluster}",
    "{scope: Namespaced}",
    "{scope: '*'}",
    "{scope: cluster}",
    "{namespaces: [shop]}",
    "{namespaces: ['sh*']}",
    "{namespaces: ['*op']}",
    "{namespaces: ['*ho*', none]}",
    "{namespaces: ['*']}",
    "{namespaces: []}",
    "{excludedNamespaces: [shop]}",
    "{excludedNamespaces: ['*op', other]}",
    "{namespaces: ['*'], excludedNamespaces: ['s*']}",
    "{name: web}",
    "{name: 'we*'}",
    "{name: '*b'}",
    "{name: '*e*'}",
    "{name: ''}",
    "{name: 'gen-*'}",
    "{name: '*en'}",
    "{labelSelector: {matchLabels: {app: web}}}",
    "{labelSelector: {matchLabels: {}}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: In, values: [web, db]}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: Exists}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: DoesNotExist}, {key: tier, operator: DoesNotExist}]}}",
    "{namespaceSelector: {matchLabels: {team: a}}}",
    "{namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}",
    "{source: Original}",
    "{source: Generated}",
    "{source: All}",
    "{kinds: [{kinds: [Pod]}], namespaces: ['sh*'], labelSelector: {matchLabels: {app: web}}, name: w*, scope: Namespaced}",
    "{labelSelector: {matchExpressions: [{key: app, operator: Like, values: [x]}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: In}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: Exists, values: [x]}]}}",
    "{namespaces: [UPPER]}",
    "{namespaces: ['a*b']}",
    "{unknown: 1}",
    "{kinds: [{apiGroups: x}]}",
    "{source: Other}",
    "{kinds: [{kind: Pod}]}",
];

/// What is judged.
pub(crate) const OBJECTS: &[&str] = &[
    "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {n: 1.5}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: other, labels: {app: db, tier: x}}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: lost, namespace: unknown}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: bare}}",
    "{apiVersion: v1, kind: Pod, metadata: {generateName: gen-, namespace: shop}}",
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}",
    "{apiVersion: v1, kind: Namespace, metadata: {name: free}}",
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {template: \
     {metadata: {labels: {app: pod}, namespace: elsewhere}, spec: {containers: [{name: c, image: i}]}}}}",
    "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: role, labels: {app: web}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {uid: u1, kind: {group: '', version: v1, kind: Pod}, \
     operation: UPDATE, namespace: shop, name: web, userInfo: {username: me, groups: [g]}, object: {apiVersion: v1, kind: \
     Pod, metadata: {name: web, namespace: shop}}, oldObject: {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: \
     shop, labels: {app: web}}}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: DELETE, namespace: other, oldObject: \
     {apiVersion: v1, kind: Pod, metadata: {name: gone, namespace: other}}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: DELETE, object: {apiVersion: v1, kind: Pod}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: CREATE}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: CREATE, wrong: 1, object: {apiVersion: v1, \
     kind: Pod}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview}",
];

/// Parameters, right and wrong.
pub(crate) const PARAMETERS: &[&str] = &[
    "{must: ab}",
    "{must: ab, count: 5, list: [{a: x}, {a: y, b: false}], map: {k: v}, any: {x: {y: 1}}, port: 80, maybe: null}",
    "{must: ab, port: http, inner: {}}",
    "{must: ab, inner: {deep: z}}",
    "{}",
    "{must: a}",
    "{must: AB}",
    "{must: 1}",
    "{must: ab, count: 6}",
    "{must: ab, count: 0}",
    "{must: ab, count: 1.5}",
    "{must: ab, count: '1'}",
    "{must: ab, list: [{a: z}]}",
    "{must: ab, list: [{}]}",
    "{must: ab, list: [{a: x}, {a: x}, {a: x}]}",
    "{must: ab, list: {a: x}}",
    "{must: ab, map: {k: 1}}",
    "{must: ab, port: 1.5}",
    "{must: ab, port: true}",
    "{must: ab, maybe: 1}",
    "{must: null}",
    "{must: ab, count: null}",
    "{must: ab, more: 1}",
    "{must: ab, inner: {more: 1}}",
    "[must]",
];

/// Other fields of constraints.
pub(crate) const SPECS: &[&str] = &[
    "enforcementAction: dryrun",
    "enforcementAction: unheard",
    "enforcementAction: scoped, scopedEnforcementActions: [{action: warn, enforcementPoints: [{name: gator.gatekeeper.sh}]}]",
    "enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: '*'}]}]",
    "enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: audit.gatekeeper.sh}]}]",
    "enforcementAction: scoped, scopedEnforcementActions: []",
    "enforcementAction: scoped",
    "enforcementAction: 1",
    "other: 1",
];

/// Code of templates: version, code, libraries.
pub(crate) const CODE: &[(&str, &str, &[&str])] = &[
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\", \"details\": {\"d\": d}}] { d := [1, 2][_] }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\", \"other\": d}] { d := [1, 2][_] }", &[]),
    ("v0", "package a\nviolation[{\"message\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": 1}] { true }", &[]),
    ("v0", "package a\nviolation[\"text\"] { true }", &[]),
    ("v0", "package a\nviolation = {\"msg\": \"x\"} { true }", &[]),
    ("v0", "package a\nviolation = {{\"msg\": \"x\"}} { true }", &[]),
    ("v0", "package a\nviolation = [{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[x] = y { x := \"k\"; y := {\"msg\": \"x\"} }", &[]),
    ("v0", "package a\nviolation(x) = y { y := x }", &[]),
    ("v0", "package a\nviolations[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { true", &[]),
    (
        "v0",
        "package a\nviolation[{\"msg\": m}] { m := sprintf(\"%v\", [f(1)]) }\nf(x) = 1 { true }\nf(x) = 2 { true }",
        &[],
    ),
    ("v0", "package a\nviolation[{\"msg\": m}] { m := to_number(\"x\") }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { not data.inventory.cluster }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { not data.other.x }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { data[_]; true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { x := \"a\"; input.review[data.z] }", &[]),
    (
        "v0",
        "package a\nimport data.lib.b\nviolation[{\"msg\": m}] { m := b.f(1) }",
        &["package lib.b\nf(x) = \"m\" { true }"],
    ),
    (
        "v0",
        "package a\nimport data.lib.b as c\nviolation[{\"msg\": m}] { m := c.d.f(1) }",
        &["package lib.b.d\nf(x) = \"m\" { true }"],
    ),
    ("v0", "package a\nimport data.b\nviolation[{\"msg\": m}] { m := b.f(1) }", &["package b\nf(x) = \"m\" { true }"]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { true }", &["package lib\nf(x) = \"m\" { true }"]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { true }", &["package other.lib\nf(x) = \"m\" { true }"]),
    ("v0", "package a\nimport data.inventory\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nimport input.review\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nimport future.keywords.in\nviolation[{\"msg\": \"x\"}] { 1 in [1] }", &[]),
    ("v0", "package a\nimport rego.v1\nviolation contains {\"msg\": \"x\"} if true", &[]),
    ("v0", "package a\nviolation contains {\"msg\": \"x\"} if true", &[]),
    ("v1", "package a\nviolation contains {\"msg\": \"x\"} if true", &[]),
    ("v1", "package a\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    (
        "v1",
        "package a\nimport data.lib.b\nviolation contains {\"msg\": b.m} if true",
        &["package lib.b\nm := \"m\" if true"],
    ),
    ("v2", "package a\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package lib.a\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { nothing(1) }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { x }", &[]),
    ("v0", "", &[]),
];

/// A deployment, and one that has nothing to make pods of.
pub(crate) const GENERATORS: &[&str] = &[
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: Web, namespace: default, labels: {app: web}}, spec: {replicas: 2, \
     template: {metadata: {labels: {app: pod, keep: 'yes'}}, spec: {containers: [{name: main, image: nginx, args: [a, b], \
     ports: [{containerPort: 80}]}, {name: side, image: 'ghcr.io/x/y@sha256:0123'}], volumes: []}}}}",
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: empty, namespace: default}, spec: {}}",
    "{apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly, namespace: default}, spec: {jobTemplate: {spec: {template: \
     {spec: {containers: [{name: main, image: i}]}}}}}}",
];

/// Kind, location, parameters, further fields of the spec.
pub(crate) const MUTATORS: &[&[(&str, &str, &str, &str)]] = &[
    &[],
    &[("Assign", "spec.a.b", "{assign: {value: {x: [1, 2.5, null]}}}", "")],
    &[("Assign", "spec.containers[name: main].image", "{assign: {value: x}}", "")],
    &[("Assign", "spec.containers[name: *].tty", "{assign: {value: true}}", "")],
    &[("Assign", "spec.containers[name: new].image", "{assign: {value: x}}", "")],
    &[("Assign", "spec.containers[name: side]", "{assign: {value: {name: side, image: z}}}", "")],
    &[("Assign", "spec.containers[name: more]", "{assign: {value: {name: more}}}", "")],
    &[("Assign", "spec.containers[name: more]", "{assign: {value: {name: other}}}", "")],
    &[("Assign", "spec.containers[name: *].ports[containerPort: '80'].name", "{assign: {value: http}}", "")],
    &[("Assign", "spec.new[key: k].list[id: 7].field", "{assign: {value: 1}}", "")],
    &[("Assign", "spec.new[key: *].field", "{assign: {value: 1}}", "")],
    &[("Assign", "spec.owner", "{assign: {fromMetadata: {field: name}}}", "")],
    &[("Assign", "spec.owner", "{assign: {fromMetadata: {field: uid}}}", "")],
    &[("Assign", "spec.containers.name", "{assign: {value: 1}}", "")],
    &[("Assign", "spec.containers[name: main].image.x", "{assign: {value: 1}}", "")],
    &[("Assign", "spec.containers[name: main].name", "{assign: {value: 1}}", "")],
    &[("Assign", "metadata.labels.x", "{assign: {value: '1'}}", "")],
    &[("Assign", "spec.a", "{assign: {value: 1}, pathTests: [{subPath: spec.a, condition: MustExist}]}", "")],
    &[("Assign", "spec.a", "{assign: {value: 1}, pathTests: [{subPath: spec.a, condition: MustNotExist}]}", "")],
    &[(
        "Assign",
        "spec.volumes",
        "{assign: {value: 1}, pathTests: [{subPath: spec.volumes, condition: MustNotExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.a.b",
        "{assign: {value: 1}, pathTests: [{subPath: spec.a.b, condition: MustExist}, {subPath: spec.a, \
        condition: MustNotExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.a.b",
        "{assign: {value: 1}, pathTests: [{subPath: spec.a, condition: MustNotExist}, {subPath: spec.a.b, \
        condition: MustExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.containers[name: *].x",
        "{assign: {value: 1}, pathTests: [{subPath: 'spec.containers[name: *]', \
        condition: MustNotExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.containers[name: *].x",
        "{assign: {value: 1}, pathTests: [{subPath: 'spec.containers[name: *]', \
        condition: MustExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.containers[name: new].x",
        "{assign: {value: 1}, pathTests: [{subPath: 'spec.containers[name: new]', \
        condition: MustExist}]}",
        "",
    )],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {source: Original}")],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {source: Generated}")],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {labelSelector: {matchLabels: {app: pod}}}")],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {name: '*-pod', namespaces: [default]}")],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {excludedNamespaces: ['def*']}")],
    &[("AssignMetadata", "metadata.labels.team", "{assign: {value: x}}", "")],
    &[("AssignMetadata", "metadata.labels.keep", "{assign: {value: x}}", "")],
    &[("AssignMetadata", "metadata.annotations.\"a.b/c\"", "{assign: {fromMetadata: {field: namespace}}}", "")],
    &[("AssignMetadata", "metadata.name", "{assign: {value: x}}", "")],
    &[("AssignMetadata", "metadata.labels.team", "{assign: {value: 1}}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignDomain: reg.example, assignTag: ':2'}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignPath: lib/thing}", "")],
    &[("AssignImage", "spec.containers[name: new].image", "{assignPath: lib/thing, assignTag: ':1'}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignDomain: nodots}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignPath: gcr.io/x}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignTag: latest}", "")],
    &[("AssignImage", "spec.containers[name: *].ports", "{assignTag: ':1'}", "")],
    &[("AssignImage", "spec.containers[name: main]", "{assignTag: ':1'}", "")],
    &[("ModifySet", "spec.containers[name: *].args", "{operation: merge, values: {fromList: [b, c, c]}}", "")],
    &[("ModifySet", "spec.containers[name: main].args", "{operation: prune, values: {fromList: [a, z]}}", "")],
    &[("ModifySet", "spec.none.args", "{operation: prune, values: {fromList: [a]}}", "")],
    &[("ModifySet", "spec.containers[name: main].image", "{operation: merge, values: {fromList: [a]}}", "")],
    &[("ModifySet", "spec.containers[name: main]", "{operation: merge, values: {fromList: [a]}}", "")],
    &[("ModifySet", "spec.volumes", "{operation: merge, values: {fromList: [{name: v}, {name: v}]}}", "")],
    &[
        ("Assign", "spec.list", "{assign: {value: [1]}}", ""),
        ("ModifySet", "spec.list", "{operation: merge, values: {fromList: [2]}}", ""),
    ],
    &[("Assign", "spec.x", "{assign: {value: first}}", ""), ("Assign", "spec.x", "{assign: {value: second}}", "")],
    &[("Assign", "spec.l[name: x].y", "{assign: {value: 1}}", ""), ("Assign", "spec.l.y", "{assign: {value: 1}}", "")],
    &[
        ("Assign", "spec.l[name: x].y", "{assign: {value: 1}}", ""),
        ("Assign", "spec.l[id: x].y", "{assign: {value: 1}}", ""),
    ],
    &[("Assign", "spec.x", "{assign: {value: {}}}", ""), ("Assign", "spec.x.y", "{assign: {value: 1}}", "")],
    &[("AssignImage", "spec.x", "{assignTag: ':1'}", ""), ("Assign", "spec.x.y", "{assign: {value: 1}}", "")],
    &[
        ("ModifySet", "spec.x", "{operation: merge, values: {fromList: [1]}}", ""),
        ("AssignImage", "spec.x", "{assignTag: ':1'}", ""),
    ],
    &[
        ("ModifySet", "spec.x", "{operation: merge, values: {fromList: [1]}}", ""),
        ("ModifySet", "spec.x", "{operation: prune, values: {fromList: [1]}}", ""),
    ],
    &[
        (
            "Assign",
            "spec.flag",
            "{assign: {value: on}, pathTests: [{subPath: spec.flag, condition: MustNotExist}]}",
            "",
        ),
        (
            "Assign",
            "spec.other",
            "{assign: {value: 1}, pathTests: [{subPath: spec.other, condition: MustNotExist}]}",
            "",
        ),
    ],
];

/// Schemas of parameters, right and wrong.
pub(crate) const SCHEMAS: &[&str] = &[
    "{type: object, properties: {a: {}}}",
    "{properties: {a: {type: string}}}",
    "{type: object, properties: {a: {type: array}}}",
    "{type: object, properties: {a: {type: array, items: {}}}}",
    "{type: object, properties: {a: {type: array, items: {type: string}}}}",
    "{type: object, properties: {a: {type: object, additionalProperties: {type: string}}}}",
    "{type: object, properties: {a: {type: object, additionalProperties: true}}}",
    "{type: object, properties: {a: {type: object, additionalProperties: {type: string}, properties: {b: {type: string}}}}}",
    "{type: object, properties: {a: {type: thing}}}",
    "{type: object, properties: {a: {x-kubernetes-preserve-unknown-fields: true}}}",
    "{type: object, properties: {a: {x-kubernetes-int-or-string: true}}}",
    "{type: object, properties: {a: {x-kubernetes-int-or-string: true, type: string}}}",
    "{type: object, properties: {a: {type: string, default: 1}}}",
    "{type: object, properties: {a: {type: string, enum: [1]}}}",
    "{type: object, properties: {a: {type: string, pattern: '('}}}",
    "{type: object, properties: {a: {type: object, anyOf: [{required: [b]}, {required: [c]}], properties: {b: {type: string}, c: {type: string}}}}}",
    "{type: object, properties: {a: {anyOf: [{type: string}, {type: integer}]}}}",
    "{type: object, properties: {a: {type: string, unheard: 1}}}",
    "{type: object, properties: {a: {type: string, format: date-time}}}",
    "{type: object, properties: {a: {type: array, uniqueItems: true, items: {type: string}}}}",
    "{type: object, properties: {a: {type: object, default: {}, properties: {b: {type: string}}}}}",
    "{type: object, properties: {a: {type: string, nullable: true, default: null}}}",
    "{type: array, items: {type: string}}",
    "{}",
    "{type: object, properties: {a: {$ref: x}}}",
    "{type: object, properties: {a: {type: string, minLength: x}}}",
    "{type: [object]}",
    "{type: object, required: [a], default: {a: x}, properties: {a: {type: string}}}",
    "{type: object, properties: {a: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}}}",
    "{type: object, properties: {a: {type: object, not: {type: string}}}}",
    "{type: object, properties: {a: {type: object, oneOf: [{properties: {b: {enum: [x]}}}], properties: {b: {type: string}}}}}",
    "{type: object, additionalProperties: {}}",
    "{type: object, additionalProperties: false, properties: {a: {type: string}}}",
];
