//! Elementwise clusters: a run of elementwise nodes of one shape, compiled to a little program that is evaluated block by
//! block, so that what lies between its inputs and its outputs is never written to memory.

use std::collections::HashMap;

use move37_candidate::ir::{Binary, Compare, DType, Graph, NodeId, Op, Unary};

/// Where an operand of an instruction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Block of the i-th input.
    Input(usize),
    /// The i-th constant.
    Constant(usize),
    /// A register.
    Register(usize),
    /// Block of the i-th output, written before.
    Output(usize),
}

/// Where a result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Register(usize),
    Output(usize),
}

/// What an instruction computes; truth values are 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Unary(Unary),
    Square,
    Copy,
    Truth,
    Binary(Binary),
    Compare(Compare),
    Select,
}

/// One instruction.
#[derive(Clone, Debug)]
pub(crate) struct Instruction {
    pub(crate) code: Code,
    pub(crate) operands: Vec<Source>,
    pub(crate) target: Target,
}

/// A compiled cluster.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) shape: Vec<usize>,
    pub(crate) inputs: Vec<NodeId>,
    pub(crate) constants: Vec<f32>,
    pub(crate) instructions: Vec<Instruction>,
    /// Results, in order of computation, with their dtype.
    pub(crate) outputs: Vec<(NodeId, DType)>,
    pub(crate) registers: usize,
}

/// Whether a node can be part of a cluster.
pub(crate) fn fusable(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let light = |d: DType| d != DType::I64;
    matches!(node.op, Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Where | Op::Cast)
        && light(node.dtype)
        && node.inputs.iter().all(|&i| light(graph.dtype(i)))
}

impl Cluster {
    /// Compile `members` (ascending) of one shape; `visible` says whose results are needed outside.
    pub(crate) fn new(graph: &Graph, members: &[NodeId], visible: impl Fn(NodeId) -> bool) -> Self {
        let mut cluster = Self {
            shape: graph.shape(members[0]).to_vec(),
            inputs: Vec::new(),
            constants: Vec::new(),
            instructions: Vec::new(),
            outputs: Vec::new(),
            registers: 0,
        };
        let mut last_use: HashMap<NodeId, usize> = HashMap::new();
        for (i, &id) in members.iter().enumerate() {
            for &input in &graph.node(id).inputs {
                last_use.insert(input, i);
            }
        }
        let mut places: HashMap<NodeId, Source> = HashMap::new();
        let mut free: Vec<usize> = Vec::new();
        for (i, &id) in members.iter().enumerate() {
            let operands: Vec<Source> =
                graph.node(id).inputs.iter().map(|&x| cluster.place(graph, x, &mut places)).collect();
            let (code, operands) = encode(graph, id, operands);
            let target = match visible(id) {
                true => {
                    cluster.outputs.push((id, graph.dtype(id)));
                    Target::Output(cluster.outputs.len() - 1)
                }
                false => Target::Register(free.pop().unwrap_or_else(|| {
                    cluster.registers += 1;
                    cluster.registers - 1
                })),
            };
            places.insert(
                id,
                match target {
                    Target::Register(r) => Source::Register(r),
                    Target::Output(o) => Source::Output(o),
                },
            );
            cluster.instructions.push(Instruction { code, operands, target });
            let mut inputs = graph.node(id).inputs.clone();
            inputs.dedup();
            for input in inputs {
                if let (Some(&Source::Register(r)), Some(&last)) = (places.get(&input), last_use.get(&input))
                    && last == i
                    && !free.contains(&r)
                {
                    free.push(r);
                }
            }
        }
        cluster
    }

    fn place(&mut self, graph: &Graph, x: NodeId, places: &mut HashMap<NodeId, Source>) -> Source {
        if let Some(&place) = places.get(&x) {
            return place;
        }
        let place = match graph.node(x).op {
            #[expect(clippy::cast_possible_truncation, reason = "constants are rounded to f32")]
            Op::Full(value) => {
                self.constants.push(value.0 as f32);
                Source::Constant(self.constants.len() - 1)
            }
            _ => {
                self.inputs.push(x);
                Source::Input(self.inputs.len() - 1)
            }
        };
        places.insert(x, place);
        place
    }
}

fn encode(graph: &Graph, id: NodeId, mut operands: Vec<Source>) -> (Code, Vec<Source>) {
    let node = graph.node(id);
    let code = match &node.op {
        Op::Unary(Unary::Detach) => Code::Copy,
        Op::Unary(f) => Code::Unary(*f),
        Op::Binary(Binary::Pow) => match graph.node(node.inputs[1]).op {
            Op::Full(exponent) if power(exponent.0).is_some() => {
                operands.truncate(1);
                power(exponent.0).expect("just matched")
            }
            _ => Code::Binary(Binary::Pow),
        },
        Op::Binary(Binary::Mul) if operands[0] == operands[1] => {
            operands.truncate(1);
            Code::Square
        }
        Op::Binary(f) => Code::Binary(*f),
        Op::Compare(c) => Code::Compare(*c),
        Op::Where => Code::Select,
        Op::Cast if node.dtype == DType::Bool => Code::Truth,
        _ => Code::Copy,
    };
    (code, operands)
}

/// Powers that have a cheaper form.
fn power(exponent: f64) -> Option<Code> {
    match exponent {
        2.0 => Some(Code::Square),
        1.0 => Some(Code::Copy),
        0.5 => Some(Code::Unary(Unary::Sqrt)),
        -0.5 => Some(Code::Unary(Unary::Rsqrt)),
        -1.0 => Some(Code::Unary(Unary::Recip)),
        _ => None,
    }
}
