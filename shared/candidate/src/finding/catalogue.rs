//! What each kind of finding means and how it is mended: the page for people and for prompts.

use std::fmt::Write;

use super::FindingKind::{self, *};

impl FindingKind {
    /// Every kind, in the order of gravity.
    pub const ALL: [Self; 20] = [
        Syntax,
        Import,
        Unsupported,
        Name,
        Type,
        Shape,
        Limit,
        FutureLeak,
        BatchLeak,
        HiddenState,
        Nondeterministic,
        DeadParameter,
        Complexity,
        OverBudget,
        NonFinite,
        NoGradient,
        LengthDependent,
        Unproved,
        Duplicate,
        NearDuplicate,
    ];

    /// One sentence: what it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Syntax => "The text is not Python.",
            Import => "It uses something imported from outside the allow-list.",
            Unsupported => "It uses a construct, function or argument that is not implemented.",
            Name => "It uses an unknown name or attribute.",
            Type => "A value has the wrong type, or the program raises an exception.",
            Shape => "Shapes do not fit together, or the output does not have the input's shape.",
            Limit => "A bound was exceeded: steps, graph nodes, nesting, sizes.",
            FutureLeak => "An output depends on a later input; the witness names both.",
            BatchLeak => "An output depends on another row of the batch, or on how many rows there are.",
            HiddenState => "The forward pass changes state that the next call sees.",
            Nondeterministic => "The forward pass draws random numbers, so the output is no function of the input.",
            DeadParameter => "A parameter reaches no output: it would be counted and never trained.",
            Complexity => "FLOPs or activation memory grow faster with T than the policy allows.",
            OverBudget => "Parameters, FLOPs or bytes exceed the budget.",
            NonFinite => "A value or a gradient is not finite.",
            NoGradient => "A parameter that reaches the output receives no gradient.",
            LengthDependent => "The first outputs change with the total length of the sequence.",
            Unproved => "The analysis cannot decide a property; nothing shows that it is violated.",
            Duplicate => "The same computation is known already, whatever it is called and however it is written.",
            NearDuplicate => "A known computation is nearer than the policy allows.",
        }
    }

    /// One sentence: what to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Syntax => "Write plain Python 3.",
            Import => "Import from torch, einops, math and the parts of fla that the language page lists.",
            Unsupported => "Use what the language page lists; the hint names the nearest of it.",
            Name => "Correct the spelling, or define it.",
            Type => "Pass what the function takes; the message says what it got.",
            Shape => "Follow the shapes of the named line; forward maps [B, T, D] to [B, T, D].",
            Limit => "Work in chunks instead of single time steps, and keep constants small.",
            FutureLeak => {
                "Let step t see steps up to t: mask with tril, masked_fill(.., -inf) before softmax, pad convolutions on \
                 the left, carry state from earlier chunks."
            }
            BatchLeak => "Reduce over time or features, never over dimension 0, and use no statistic of the batch.",
            HiddenState => "Use local variables; change no attribute, buffer, list or counter in forward.",
            Nondeterministic => "Draw random numbers in __init__ and keep them as a parameter or buffer.",
            DeadParameter => "Use it in forward or remove it.",
            Complexity => "Use a chunked or recurrent form whose windows, filters and chunks do not grow with T.",
            OverBudget => "Make projections or branches smaller.",
            NonFinite => {
                "Add a small epsilon before division, log, sqrt and rsqrt, and keep arguments of exp at or below zero."
            }
            NoGradient => "Put no round, floor, sign, comparison, argmax or detach between it and the output.",
            LengthDependent => "Let no constant of step t depend on T: no division by T, no positions scaled by T.",
            Unproved => "Choose by position or by mask, not by values over time; branch on nothing that T or B decide.",
            Duplicate => "Change what is computed, not how it is written.",
            NearDuplicate => "Change more of what is computed.",
        }
    }
}

/// The page of all kinds, in Markdown.
pub fn page() -> String {
    let mut page = String::from(
        "# What the gate finds\n\nThis page is made from the implementation.\n\nA finding names its kind, line and \
         column, says what is wrong and what to write instead, and where the fault shows in numbers it has a witness: the \
         shape `[B, T]` of the run, the output element `[b, t, d]`, and the input `[b, t]` that it must not depend on, or \
         the `other` shape at which the same element differs.\n\n| kind | meaning | remedy |\n|---|---|---|\n",
    );
    for kind in FindingKind::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{kind}` | {} | {} |", kind.meaning(), kind.remedy());
    }
    page
}
