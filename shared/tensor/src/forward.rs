//! One forward pass of a layer on given weights and input, and the gradients of its parameters.

use candle_core::Tensor;
use move37_candidate::ir::{DType, Graph, NodeId, Op, ParamKind};

use crate::exec::{Options, Program};
use crate::{Error, gradients};

/// What a pass gives.
#[derive(Debug)]
pub struct Forward {
    /// `[B, T, D]`
    pub output: Tensor,
    /// The gradient of `sum(output * cotangent)` by each trained parameter, in the graph's order; zeros where no
    /// differentiable path leads from it to the output. Empty without a cotangent.
    pub gradients: Vec<(String, Tensor)>,
}

impl Forward {
    /// All that was computed, by name: `output`, then `grad/NAME`.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        let gradients = self.gradients.iter().map(|(name, gradient)| (format!("grad/{name}"), gradient.clone()));
        [("output".to_owned(), self.output.clone())].into_iter().chain(gradients).collect()
    }

    /// A sentence on each result that has NaN or infinity.
    ///
    /// # Errors
    /// If a result cannot be read.
    pub fn not_finite(&self) -> Result<Vec<String>, Error> {
        let mut told = Vec::new();
        for (name, tensor) in self.named() {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let bad = values.iter().filter(|v| !v.is_finite()).count();
            if bad > 0 {
                told.push(format!("{bad} of {} values of {name} are not finite", values.len()));
            }
        }
        Ok(told)
    }
}

/// Run a graph of one input and one output. `params` are in its order.
///
/// # Errors
/// If a tensor does not fit the graph, or an operation fails.
pub fn forward(
    mut graph: Graph,
    params: &[Tensor],
    input: Tensor,
    cotangent: Option<Tensor>,
    options: Options,
) -> Result<Forward, Error> {
    let output = graph.outputs[0];
    let mut inputs = vec![input];
    let mut trained: Vec<(usize, Option<NodeId>)> = Vec::new();
    if let Some(cotangent) = cotangent {
        inputs.push(cotangent);
        trained = differentiate(&mut graph, output)?;
        graph.outputs = [output].into_iter().chain(trained.iter().filter_map(|t| t.1)).collect();
    }
    let named: Vec<_> = graph.params.iter().map(|p| (p.name.clone(), p.shape.clone())).collect();
    let mut results = Program::new(graph, options)?.run(params, &inputs)?.into_iter();
    let mut next = || results.next().expect("a program has as many results as outputs");
    let output = next();
    let gradients = trained.into_iter().map(|(i, node)| {
        let (name, shape) = &named[i];
        let zeros = || Tensor::zeros(shape.as_slice(), candle_core::DType::F32, &candle_core::Device::Cpu);
        Ok((name.clone(), node.map_or_else(zeros, |_| Ok(next()))?))
    });
    Ok(Forward { output, gradients: gradients.collect::<Result<_, Error>>()? })
}

/// Every trained parameter, with the node of its gradient where it has one; the cotangent becomes the graph's last input.
fn differentiate(graph: &mut Graph, output: NodeId) -> Result<Vec<(usize, Option<NodeId>)>, Error> {
    let shape = graph.shape(output).to_vec();
    let line = graph.node(output).span.line;
    let made = graph.input("cotangent", &shape, DType::F32);
    let cotangent = made.map_err(|source| Error::Graph { line, source })?;
    let mut nodes = vec![None; graph.params.len()];
    for (i, node) in graph.nodes().iter().enumerate() {
        if let Op::Param(p) = node.op {
            nodes[p as usize] = Some(NodeId(u32::try_from(i).expect("node ids are u32")));
        }
    }
    let trained: Vec<usize> = (0..nodes.len()).filter(|&i| graph.params[i].kind == ParamKind::Trained).collect();
    let wrt: Vec<NodeId> = trained.iter().map(|&i| nodes[i].expect("a parameter has a node")).collect();
    Ok(trained.into_iter().zip(gradients(graph, output, cotangent, &wrt)?).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use candle_core::{Device, Tensor};
    use move37_candidate::ir::{DType, Graph, ParamKind};

    use super::forward;
    use crate::exec::Options;

    /// `x * w`, beside a parameter that is not used and a buffer.
    fn graph() -> Graph {
        let mut g = Graph::default();
        let x = g.input("input", &[1, 2, 2], DType::F32).unwrap();
        let one = g.full(&[2], 1.0, DType::F32).unwrap();
        let w = g.param("w", ParamKind::Trained, one).unwrap();
        g.param("dead", ParamKind::Trained, one).unwrap();
        let b = g.param("buffer", ParamKind::Buffer, one).unwrap();
        let y = g.mul(x, w).unwrap();
        g.outputs = vec![g.mul(y, b).unwrap()];
        g
    }

    fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn the_output_and_the_gradient_of_every_trained_parameter_come_back() {
        let params = [tensor(&[2.0, 3.0], &[2]), tensor(&[9.0, 9.0], &[2]), tensor(&[1.0, 10.0], &[2])];
        let x = tensor(&[1.0, 2.0, 3.0, 4.0], &[1, 2, 2]);
        let cotangent = tensor(&[1.0, 1.0, 0.5, 0.0], &[1, 2, 2]);
        let got = forward(graph(), &params, x.clone(), Some(cotangent), Options::default()).unwrap();
        assert_eq!(got.output.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [2.0, 60.0, 6.0, 120.0]);
        let gradients: Vec<_> = got.gradients.iter().map(|(n, g)| (n.as_str(), g.to_vec1::<f32>().unwrap())).collect();
        assert_eq!(gradients, [("w", vec![2.5, 20.0]), ("dead", vec![0.0, 0.0])]);
        assert!(forward(graph(), &params, x, None, Options::default()).unwrap().gradients.is_empty());
    }
}
