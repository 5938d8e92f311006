use crate::subject::Subject;

/// Position of a subject in a [`ResourceGraph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u32);

/// Subjects that were read together, and which of them refer to which.
#[derive(Debug, Default)]
pub struct ResourceGraph {
    subjects: Vec<Subject>,
    /// For each subject those it refers to or is referred to by, in order and without repeats.
    neighbours: Vec<Vec<NodeIndex>>,
}

impl ResourceGraph {
    /// A graph of these subjects with edges between them; edges have no direction.
    ///
    /// # Panics
    /// When an edge names a subject that is not there.
    pub fn new(subjects: Vec<Subject>, edges: impl IntoIterator<Item = (NodeIndex, NodeIndex)>) -> Self {
        let mut neighbours = vec![Vec::new(); subjects.len()];
        for (a, b) in edges {
            if a != b {
                neighbours[a.0 as usize].push(b);
                neighbours[b.0 as usize].push(a);
            }
        }
        for list in &mut neighbours {
            list.sort_unstable();
            list.dedup();
        }
        Self { subjects, neighbours }
    }

    /// The subjects with their positions.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIndex, &Subject)> {
        (0..).map(NodeIndex).zip(&self.subjects)
    }

    /// All subjects in order.
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// All subjects, to be labelled.
    pub fn subjects_mut(&mut self) -> &mut [Subject] {
        &mut self.subjects
    }

    /// Adds subjects that are connected with none.
    pub fn extend(&mut self, subjects: impl IntoIterator<Item = Subject>) {
        self.subjects.extend(subjects);
        self.neighbours.resize(self.subjects.len(), Vec::new());
    }

    /// The subject at this position.
    ///
    /// # Panics
    /// When the position is not of this graph.
    pub fn subject(&self, index: NodeIndex) -> &Subject {
        &self.subjects[index.0 as usize]
    }

    /// The subjects that this one refers to or is referred to by.
    pub fn neighbours(&self, index: NodeIndex) -> impl Iterator<Item = (NodeIndex, &Subject)> {
        self.neighbours[index.0 as usize].iter().map(|&neighbour| (neighbour, self.subject(neighbour)))
    }
}
