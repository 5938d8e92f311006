//! What one object refers to, as it is written: names, and selectors of Pods.

use probity_model::{NodeIndex, SourceId, Value};

/// An object, with what is looked up again and again.
pub(super) struct Object<'s> {
    pub(super) node: NodeIndex,
    pub(super) source: Option<SourceId>,
    pub(super) folder: u32,
    pub(super) kind: &'s str,
    pub(super) namespace: &'s str,
    pub(super) name: &'s str,
    pub(super) document: &'s Value,
    pub(super) pod: Option<&'s Value>,
}

/// One thing that an object refers to.
pub(super) enum Reference<'s> {
    /// By kind, namespace and name.
    Name { kind: &'s str, namespace: &'s str, name: &'s str },
    /// The workloads of the same namespace whose Pods are selected.
    Pods(Selector<'s>),
}

impl<'s> Object<'s> {
    pub(super) fn references(&self, found: &mut impl FnMut(Reference<'s>)) {
        if let Some(spec) = self.pod.and_then(|pod| pod.get("spec")) {
            self.of_pod(spec, found);
        }
        let spec = self.document.get("spec");
        match self.kind {
            "RoleBinding" | "ClusterRoleBinding" => self.of_binding(found),
            "Service" => {
                let selector = spec.and_then(|spec| spec.get("selector")).and_then(Selector::of_service);
                selector.map(Reference::Pods).into_iter().for_each(found);
            }
            "NetworkPolicy" => found(Reference::Pods(Selector::new(spec.and_then(|spec| spec.get("podSelector"))))),
            "PodDisruptionBudget" => {
                let selector = spec.and_then(|spec| spec.get("selector"));
                selector.map(|selector| Reference::Pods(Selector::new(Some(selector)))).into_iter().for_each(found);
            }
            "HorizontalPodAutoscaler" => self.of_target(spec.and_then(|spec| spec.get("scaleTargetRef")), found),
            "VerticalPodAutoscaler" => self.of_target(spec.and_then(|spec| spec.get("targetRef")), found),
            "Ingress" => self.of_ingress(found),
            "StatefulSet" => self.named("Service", spec.and_then(|spec| spec.get("serviceName")), found),
            "PersistentVolumeClaim" => {
                self.named("PersistentVolume", spec.and_then(|spec| spec.get("volumeName")), found);
                self.named("StorageClass", spec.and_then(|spec| spec.get("storageClassName")), found);
            }
            "ServiceAccount" => {
                for list in ["secrets", "imagePullSecrets"] {
                    each(self.document.get(list), |secret| self.named("Secret", secret.get("name"), found));
                }
            }
            _ => {}
        }
    }

    fn named(&self, kind: &'s str, name: Option<&'s Value>, found: &mut impl FnMut(Reference<'s>)) {
        if let Some(name) = name.and_then(Value::as_str) {
            found(Reference::Name { kind, namespace: self.namespace, name });
        }
    }

    fn of_target(&self, target: Option<&'s Value>, found: &mut impl FnMut(Reference<'s>)) {
        let Some(target) = target else { return };
        if let Some(kind) = target.get("kind").and_then(Value::as_str) {
            self.named(kind, target.get("name"), found);
        }
    }

    fn of_binding(&self, found: &mut impl FnMut(Reference<'s>)) {
        self.of_target(self.document.get("roleRef"), found);
        each(self.document.get("subjects"), |subject| {
            let text = |key| subject.get(key).and_then(Value::as_str);
            if let (Some("ServiceAccount"), Some(name)) = (text("kind"), text("name")) {
                let own = if self.namespace.is_empty() { "default" } else { self.namespace };
                let namespace = text("namespace").unwrap_or(own);
                found(Reference::Name { kind: "ServiceAccount", namespace, name });
            }
        });
    }

    fn of_ingress(&self, found: &mut impl FnMut(Reference<'s>)) {
        let Some(spec) = self.document.get("spec") else { return };
        let mut backend = |backend: &'s Value| {
            // The older form has the name beside the port.
            let name = backend.at(&["service", "name"]).or_else(|| backend.get("serviceName"));
            self.named("Service", name, found);
        };
        ["defaultBackend", "backend"].iter().filter_map(|key| spec.get(key)).for_each(&mut backend);
        each(spec.get("rules"), |rule| {
            each(rule.at(&["http", "paths"]), |path| path.get("backend").into_iter().for_each(&mut backend));
        });
        each(spec.get("tls"), |tls| self.named("Secret", tls.get("secretName"), found));
    }

    fn of_pod(&self, spec: &'s Value, found: &mut impl FnMut(Reference<'s>)) {
        let account = spec.get("serviceAccountName").or_else(|| spec.get("serviceAccount")).and_then(Value::as_str);
        let name = account.filter(|name| !name.is_empty()).unwrap_or("default");
        found(Reference::Name { kind: "ServiceAccount", namespace: self.namespace, name });
        each(spec.get("imagePullSecrets"), |secret| self.named("Secret", secret.get("name"), found));
        each(spec.get("volumes"), |volume| self.of_volume(volume, found));
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            each(spec.get(list), |container| self.of_container(container, found));
        }
    }

    fn of_volume(&self, volume: &'s Value, found: &mut impl FnMut(Reference<'s>)) {
        self.named("PersistentVolumeClaim", volume.at(&["persistentVolumeClaim", "claimName"]), found);
        self.named("ConfigMap", volume.at(&["configMap", "name"]), found);
        self.named("Secret", volume.at(&["secret", "secretName"]), found);
        each(volume.at(&["projected", "sources"]), |source| {
            self.named("ConfigMap", source.at(&["configMap", "name"]), found);
            self.named("Secret", source.at(&["secret", "name"]), found);
        });
    }

    fn of_container(&self, container: &'s Value, found: &mut impl FnMut(Reference<'s>)) {
        each(container.get("envFrom"), |from| {
            self.named("ConfigMap", from.at(&["configMapRef", "name"]), found);
            self.named("Secret", from.at(&["secretRef", "name"]), found);
        });
        each(container.get("env"), |variable| {
            self.named("ConfigMap", variable.at(&["valueFrom", "configMapKeyRef", "name"]), found);
            self.named("Secret", variable.at(&["valueFrom", "secretKeyRef", "name"]), found);
        });
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = (&'s str, &'s str)> + use<'s> {
        let labels = self.pod.and_then(|pod| pod.at(&["metadata", "labels"])).and_then(Value::as_object);
        labels.into_iter().flat_map(pairs)
    }
}

fn each<'s>(list: Option<&'s Value>, visit: impl FnMut(&'s Value)) {
    list.and_then(Value::as_array).into_iter().flatten().for_each(visit);
}

fn pairs(labels: &probity_model::value::Object) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// A label selector; empty it selects everything.
pub(super) struct Selector<'s> {
    pub(super) labels: Vec<(&'s str, &'s str)>,
    expressions: Option<&'s Value>,
}

impl<'s> Selector<'s> {
    /// A selector with `matchLabels` and `matchExpressions`; without one, everything is selected.
    fn new(selector: Option<&'s Value>) -> Self {
        let part = |key| selector.and_then(|selector| selector.get(key));
        let labels = part("matchLabels").and_then(Value::as_object);
        Self { labels: labels.into_iter().flat_map(pairs).collect(), expressions: part("matchExpressions") }
    }

    /// The selector of a Service: labels alone, and without any it selects nothing.
    fn of_service(selector: &'s Value) -> Option<Self> {
        let labels: Vec<_> = pairs(selector.as_object()?).collect();
        (!labels.is_empty()).then_some(Self { labels, expressions: None })
    }

    pub(super) fn matches(&self, object: &Object<'_>) -> bool {
        let label = |wanted: &str| object.labels().find(|(key, _)| *key == wanted).map(|(_, value)| value);
        self.labels.iter().all(|(key, value)| label(key) == Some(*value))
            && self
                .expressions
                .and_then(Value::as_array)
                .is_none_or(|list| list.iter().all(|expression| holds(expression, label)))
    }
}

/// Whether one of `matchExpressions` holds; one that cannot be understood does not.
fn holds<'l>(expression: &Value, label: impl Fn(&str) -> Option<&'l str>) -> bool {
    let text = |key| expression.get(key).and_then(Value::as_str);
    let (Some(key), Some(operator)) = (text("key"), text("operator")) else { return false };
    let value = label(key);
    let listed = || {
        let values = expression.get("values").and_then(Value::as_array);
        values.is_some_and(|values| values.iter().any(|listed| listed.as_str().is_some() && listed.as_str() == value))
    };
    match operator {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}
