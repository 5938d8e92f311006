//! `probity graph`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use layout::backends::svg::SVGWriter;
use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, LineEndKind, ShapeKind};
use layout::topo::layout::VisualGraph;
use probity_model::node::closest;
use probity_model::{NodeIndex, ResourceGraph, Sources, Subject};
use probity_subject_iac::{ReadOptions, read_paths};

/// Most resources that are drawn as SVG: beyond, nobody sees anything.
const MAX_DRAWN: usize = 800;

/// Draw which resources refer to which.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Only this resource and what is connected with it, such as `aws_s3_bucket.logs`. May be repeated.
    #[arg(long, value_name = "ADDRESS")]
    around: Vec<String>,
    /// How many connections away from those of --around.
    #[arg(long, value_name = "N", default_value_t = 2, requires = "around")]
    depth: usize,
    /// Leave out resources that are connected with none.
    #[arg(long)]
    connected: bool,
    /// Leave out files and folders, as in .gitignore. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// The form of the drawing.
    #[arg(long, value_enum, default_value_t = Form::Dot)]
    format: Form,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// The language of Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let sources = Sources::default();
    let options = ReadOptions { exclude: args.exclude.clone(), ..ReadOptions::default() };
    let tree = read_paths(&args.paths, &sources, &options, &|_| {})?;
    for (path, problem) in &tree.problems {
        eprintln!("problem {}", problem.display(&sources, path));
    }
    let shown = shown(&tree.graph, args)?;
    if shown.is_empty() {
        bail!("nothing to draw: no resource was found in what was read");
    }
    let drawn = match args.format {
        Form::Dot => dot(&tree.graph, &shown),
        Form::Svg => svg(&tree.graph, &shown)?,
    };
    match &args.output {
        None => std::io::stdout().write_all(drawn.as_bytes())?,
        Some(path) => {
            std::fs::write(path, drawn).with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    Ok(if tree.problems.is_empty() { crate::CLEAN } else { crate::BROKEN })
}

/// The resources that are drawn, in their order.
fn shown(graph: &ResourceGraph, args: &Args) -> Result<Vec<NodeIndex>> {
    let mut distance: HashMap<NodeIndex, usize> = HashMap::new();
    let mut open: VecDeque<NodeIndex> = VecDeque::new();
    for address in &args.around {
        let found: Vec<NodeIndex> =
            graph.iter().filter(|(_, subject)| *subject.address == **address).map(|(index, _)| index).collect();
        if found.is_empty() {
            let known: Vec<&str> = graph.subjects().iter().map(|subject| subject.address.as_str()).collect();
            let meant = closest(address, &known).map(|near| format!("; did you mean `{near}`?"));
            bail!("no resource is called `{address}`{}", meant.unwrap_or_default());
        }
        open.extend(&found);
        distance.extend(found.into_iter().map(|index| (index, 0)));
    }
    while let Some(index) = open.pop_front() {
        let next = distance[&index] + 1;
        for (neighbour, _) in graph.neighbours(index).filter(|_| next <= args.depth) {
            distance.entry(neighbour).or_insert_with(|| {
                open.push_back(neighbour);
                next
            });
        }
    }
    let is_near = |index: NodeIndex| args.around.is_empty() || distance.contains_key(&index);
    let is_connected = |index: NodeIndex| !args.connected || graph.neighbours(index).next().is_some();
    Ok(graph.iter().map(|(index, _)| index).filter(|index| is_near(*index) && is_connected(*index)).collect())
}

/// The connections between resources that are drawn, each once.
fn edges<'s>(graph: &ResourceGraph, shown: &'s [NodeIndex]) -> impl Iterator<Item = (usize, usize)> + use<'s> {
    let places: HashMap<NodeIndex, usize> = shown.iter().copied().zip(0..).collect();
    let mut edges = Vec::new();
    for (from, index) in shown.iter().enumerate() {
        let neighbours = graph.neighbours(*index).filter_map(|(neighbour, _)| places.get(&neighbour));
        edges.extend(neighbours.filter(|to| from < **to).map(|to| (from, *to)));
    }
    edges.into_iter()
}

/// The module that a resource stands in: what is before its type and name.
fn module(subject: &Subject) -> &str {
    let own = subject.address.rfind(&*subject.resource_type).unwrap_or_default();
    subject.address[..own].trim_end_matches('.')
}

/// What a resource is called within its module.
fn label(subject: &Subject) -> &str {
    subject.address[module(subject).len()..].trim_start_matches('.')
}

fn dot(graph: &ResourceGraph, shown: &[NodeIndex]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
    let mut modules: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, index) in shown.iter().enumerate() {
        modules.entry(module(graph.subject(*index))).or_default().push(place);
    }
    let mut out = String::from("graph {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=sans];\n");
    for (number, (module, places)) in modules.into_iter().enumerate() {
        let indent = if module.is_empty() { "  " } else { "    " };
        if !module.is_empty() {
            let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label={};", quoted(module));
        }
        for place in places {
            let subject = graph.subject(shown[place]);
            let _ = writeln!(out, "{indent}r{place} [label={}];", quoted(label(subject)));
        }
        if !module.is_empty() {
            out.push_str("  }\n");
        }
    }
    for (from, to) in edges(graph, shown) {
        let _ = writeln!(out, "  r{from} -- r{to};");
    }
    out.push_str("}\n");
    out
}

fn svg(graph: &ResourceGraph, shown: &[NodeIndex]) -> Result<String> {
    if shown.len() > MAX_DRAWN {
        bail!(
            "{} resources are too many to see in a picture of at most {MAX_DRAWN}; draw some with --around ADDRESS, or all \
             with --format dot",
            shown.len()
        );
    }
    let look = StyleAttr::new(Color::fast("black"), 1, Some(Color::fast("white")), 6, 13);
    let line = Arrow { end: LineEndKind::None, look: look.clone(), ..Arrow::default() };
    let mut drawing = VisualGraph::new(Orientation::LeftToRight);
    let handles: Vec<_> = shown
        .iter()
        .map(|index| {
            let subject = graph.subject(*index);
            let width = subject.address.chars().count().max(8) * 9;
            #[expect(clippy::cast_precision_loss, reason = "a width in points, far below 2^52")]
            let size = Point::new(width as f64, 34.0);
            let shape = ShapeKind::new_box(&subject.address);
            drawing.add_node(Element::create(shape, look.clone(), Orientation::LeftToRight, size))
        })
        .collect();
    for (from, to) in edges(graph, shown) {
        drawing.add_edge(line.clone(), handles[from], handles[to]);
    }
    let mut picture = SVGWriter::new();
    drawing.do_it(false, false, false, &mut picture);
    Ok(picture.finalize())
}
