//! Looks through a parsed template before it runs, and makes it count its steps.

use gotmpl::parse::{ActionNode, BranchNode, CommandNode, Expr, ListNode, Node, Number, PipeNode, Pos, SmolStr};

use crate::functions::{GO, NOTHING, STEP};
use crate::{Error, Input};

/// Refuses, before anything runs, functions that are not there and values that are not text.
pub(crate) fn check(tree: &ListNode, input: &Input) -> Result<(), Error> {
    expressions(tree).into_iter().try_for_each(|(expression, place)| match expression {
        Expr::Identifier(_, name) if !GO.contains(&name.as_str()) => {
            Err(Error::UnknownFunction { name: name.to_string() })
        }
        // The map as a whole may be ranged over or printed, so what is left out of it would be missed.
        Expr::Dot(_) if place == Place::Anywhere => whole(input),
        Expr::Variable(_, name, fields) if name == "$" && fields.is_empty() && place == Place::Anywhere => whole(input),
        _ => Ok(()),
    })
}

fn whole(input: &Input) -> Result<(), Error> {
    input.binary().first().map_or(Ok(()), |key| Err(Error::NotText { key: key.clone() }))
}

/// A copy that takes from the budget, at the start of each body, one step for each thing the body does itself.
pub(crate) fn counted(list: &ListNode) -> ListNode {
    let cost = list.nodes.iter().map(|node| 1 + own_expressions(node).len()).sum();
    let mut nodes = vec![step(list, cost)];
    nodes.extend(list.nodes.iter().cloned().map(|mut node| {
        match &mut node {
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => count_branch(branch),
            Node::List(list) => *list = counted(list),
            // In Go, a template that is given nothing sees nothing; the engine would hand it the caller's dot.
            Node::Template(call) if call.pipe.is_none() => call.pipe = Some(call_of(NOTHING, call.pos, Vec::new())),
            _ => {}
        }
        node
    }));
    ListNode { pos: list.pos, nodes }
}

fn count_branch(branch: &mut BranchNode) {
    branch.body = counted(&branch.body);
    branch.else_body = branch.else_body.as_ref().map(counted);
}

/// `{{$x := step cost}}`: declaring a variable keeps it from being printed.
fn step(list: &ListNode, cost: usize) -> Node {
    let pos = list.pos;
    let cost = Number::Int(i64::try_from(cost).unwrap_or(i64::MAX));
    let mut pipe = call_of(STEP, pos, vec![Expr::Number(pos, cost)]);
    pipe.decl.push(SmolStr::new_static("$ step"));
    Node::Action(ActionNode { pos, pipe })
}

fn call_of(function: &'static str, pos: Pos, arguments: Vec<Expr>) -> PipeNode {
    let mut args = vec![Expr::Identifier(pos, SmolStr::new_static(function))];
    args.extend(arguments);
    PipeNode { pos, decl: Vec::new(), commands: vec![CommandNode { pos, args }], is_assign: false }
}

/// Where an expression stands, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    /// The first argument of `index`.
    Indexed,
}

type Found<'a> = Vec<(&'a Expr, Place)>;

/// All expressions of a body and the bodies in it.
fn expressions(list: &ListNode) -> Found<'_> {
    list.nodes.iter().flat_map(|node| own_expressions(node).into_iter().chain(inner_expressions(node))).collect()
}

fn inner_expressions(node: &Node) -> Found<'_> {
    match node {
        Node::List(list) => expressions(list),
        Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
            let bodies = std::iter::once(&branch.body).chain(&branch.else_body);
            bodies.flat_map(expressions).collect()
        }
        _ => Vec::new(),
    }
}

/// The expressions that a node evaluates itself.
fn own_expressions(node: &Node) -> Found<'_> {
    let pipe = match node {
        Node::Action(action) => Some(&action.pipe),
        Node::If(branch) | Node::Range(branch) | Node::With(branch) => Some(&branch.pipe),
        Node::Template(call) => call.pipe.as_ref(),
        _ => None,
    };
    let mut found = Vec::new();
    if let Some(pipe) = pipe {
        in_pipe(pipe, &mut found);
    }
    found
}

fn in_pipe<'a>(pipe: &'a PipeNode, found: &mut Found<'a>) {
    for CommandNode { args, .. } in &pipe.commands {
        let indexes = matches!(args.first(), Some(Expr::Identifier(_, name)) if name == "index");
        for (number, argument) in args.iter().enumerate() {
            let place = if number == 1 && indexes { Place::Indexed } else { Place::Anywhere };
            in_expression(argument, place, found);
        }
    }
}

fn in_expression<'a>(expression: &'a Expr, place: Place, found: &mut Found<'a>) {
    found.push((expression, place));
    match expression {
        Expr::Pipe(_, pipe) => in_pipe(pipe, found),
        Expr::Chain(_, inner, _) => in_expression(inner, Place::Anywhere, found),
        _ => {}
    }
}
