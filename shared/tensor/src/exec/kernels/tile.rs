//! One matrix product in register tiles: rows times vectors of columns, accumulated over the inner size in order.
//!
//! For the small and medium sizes of a mixer this beats a general library, since nothing but a transposed right operand is
//! repacked.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::matmul::{Matrix, Sizes};

/// Inner size after which partial sums are added to the result; keeps a panel of b in the first-level cache.
const DEPTH: usize = 256;
/// Rows of a that all panels of b pass over while they stay in the second-level cache; a multiple of both tile heights.
const HEIGHT: usize = 96;
/// Columns that are repacked together.
const GROUP: usize = 8;
/// Rows of a tile with 32 vector registers, and with 16.
const MANY_ROWS: usize = 8;
const FEW_ROWS: usize = 6;

/// `out = a @ b`; false, with nothing done, where layout or CPU do not suit. `scratch` is reused between calls.
pub(crate) fn multiply(a: Matrix<'_>, b: Matrix<'_>, sizes: Sizes, out: &mut [f32], scratch: &mut Vec<f32>) -> bool {
    let by_columns = a.row == 1 && a.column >= sizes.m;
    if a.column != 1 && !by_columns {
        return false;
    }
    Arch::new().dispatch(Product { a, b, sizes, out, scratch })
}

/// Columns of a tile: two vectors, one for narrow products.
#[inline(always)]
fn width<S: Simd>(wide: bool) -> usize {
    if wide { 2 * S::F32_LANES } else { S::F32_LANES }
}

struct Product<'p> {
    a: Matrix<'p>,
    b: Matrix<'p>,
    sizes: Sizes,
    out: &'p mut [f32],
    scratch: &'p mut Vec<f32>,
}

impl WithSimd for Product<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        // Without vector registers there is no fused multiply-add either, and a general library does better.
        match (S::F32_LANES, self.sizes.n <= S::F32_LANES) {
            (16, false) => self.run::<S, MANY_ROWS, true>(simd),
            (16, true) => self.run::<S, MANY_ROWS, false>(simd),
            (4 | 8, false) => self.run::<S, FEW_ROWS, true>(simd),
            (4 | 8, true) => self.run::<S, FEW_ROWS, false>(simd),
            _ => return false,
        }
        true
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const WIDE: bool>(self, simd: S) {
        let Self { a, b, sizes: Sizes { m, n, k }, out, scratch } = self;
        let width = width::<S>(WIDE);
        for from in (0..k).step_by(DEPTH) {
            let depth = DEPTH.min(k - from);
            let direct = |columns: usize| b.column == 1 && columns == width && b.row >= width;
            scratch.clear();
            if !direct(width) || n % width != 0 {
                scratch.resize(n.div_ceil(width) * depth * width, 0.0);
                for (left, packed) in (0..n).step_by(width).zip(scratch.chunks_exact_mut(depth * width)) {
                    let columns = width.min(n - left);
                    if !direct(columns) {
                        pack(b, from, left, columns, width, packed);
                    }
                }
            }
            for top in (0..m).step_by(HEIGHT) {
                let bottom = m.min(top + HEIGHT);
                for left in (0..n).step_by(width) {
                    let columns = width.min(n - left);
                    let (panel, stride) = match direct(columns) {
                        true => (&b.data[from * b.row + left..], b.row),
                        false => (&scratch[left * depth..][..depth * width], width),
                    };
                    Tile { panel, stride, from, depth, left, columns, n }.block::<S, ROWS, WIDE>(
                        simd,
                        a,
                        top..bottom,
                        out,
                    );
                }
            }
        }
    }
}

/// Copy a panel of b so that its rows lie together, `width` wide, zero past the last column.
#[inline(always)]
fn pack(b: Matrix<'_>, from: usize, left: usize, columns: usize, width: usize, packed: &mut [f32]) {
    let depth = packed.len() / width;
    let data = &b.data[from * b.row + left * b.column..];
    if b.column == 1 {
        for (l, to) in packed.chunks_exact_mut(width).enumerate() {
            to[..columns].copy_from_slice(&data[l * b.row..][..columns]);
        }
        return;
    }
    let whole = if b.row == 1 { columns - columns % GROUP } else { 0 };
    for j in (0..whole).step_by(GROUP) {
        let group: [&[f32]; GROUP] = std::array::from_fn(|i| &data[(j + i) * b.column..][..depth]);
        for (l, to) in packed.chunks_exact_mut(width).enumerate() {
            let to: &mut [f32; GROUP] = to[j..].first_chunk_mut().expect("a group lies inside the width");
            *to = std::array::from_fn(|i| group[i][l]);
        }
    }
    for j in whole..columns {
        for (l, to) in packed[j..].iter_mut().step_by(width).enumerate() {
            *to = data[j * b.column + l * b.row];
        }
    }
}

/// A panel of b and where it stands.
#[derive(Clone, Copy)]
struct Tile<'p> {
    panel: &'p [f32],
    stride: usize,
    from: usize,
    depth: usize,
    left: usize,
    columns: usize,
    n: usize,
}

impl Tile<'_> {
    /// All rows of a block.
    #[inline(always)]
    fn block<S: Simd, const ROWS: usize, const WIDE: bool>(
        self,
        simd: S,
        a: Matrix<'_>,
        rows: Range<usize>,
        out: &mut [f32],
    ) {
        let mut row = rows.start;
        while row + ROWS <= rows.end {
            self.rows::<S, ROWS, WIDE>(simd, a, row, out);
            row += ROWS;
        }
        match rows.end - row {
            0 => {}
            1 => self.rows::<S, 1, WIDE>(simd, a, row, out),
            2 => self.rows::<S, 2, WIDE>(simd, a, row, out),
            3 => self.rows::<S, 3, WIDE>(simd, a, row, out),
            4 => self.rows::<S, 4, WIDE>(simd, a, row, out),
            5 => self.rows::<S, 5, WIDE>(simd, a, row, out),
            6 => self.rows::<S, 6, WIDE>(simd, a, row, out),
            _ => self.rows::<S, 7, WIDE>(simd, a, row, out),
        }
    }

    /// Add one element of each row times one row of the panel.
    #[inline(always)]
    fn step<S: Simd, const ROWS: usize, const WIDE: bool>(
        simd: S,
        b: &[f32],
        x: impl Fn(usize) -> f32,
        left: &mut [S::f32s; ROWS],
        right: &mut [S::f32s; ROWS],
    ) {
        let (b, _) = S::as_simd_f32s(&b[..width::<S>(WIDE)]);
        let (b0, b1) = (b[0], if WIDE { b[1] } else { b[0] });
        for i in 0..ROWS {
            let x = simd.splat_f32s(x(i));
            left[i] = simd.mul_add_f32s(x, b0, left[i]);
            if WIDE {
                right[i] = simd.mul_add_f32s(x, b1, right[i]);
            }
        }
    }

    /// `ROWS` rows of a times the panel.
    #[inline(always)]
    fn rows<S: Simd, const ROWS: usize, const WIDE: bool>(self, simd: S, a: Matrix<'_>, row: usize, out: &mut [f32]) {
        let mut left = [simd.splat_f32s(0.0); ROWS];
        let mut right = [simd.splat_f32s(0.0); ROWS];
        let width = width::<S>(WIDE);
        let panel = self.panel.chunks(self.stride).take(self.depth);
        if a.column == 1 {
            let rows: [&[f32]; ROWS] = std::array::from_fn(|i| &a.data[(row + i) * a.row + self.from..][..self.depth]);
            for (l, b) in panel.enumerate() {
                Self::step::<S, ROWS, WIDE>(simd, b, |i| rows[i][l], &mut left, &mut right);
            }
        } else {
            let columns = a.data[self.from * a.column + row..].chunks(a.column);
            for (b, x) in panel.zip(columns) {
                let x: &[f32; ROWS] = x.first_chunk().expect("a column has all rows");
                Self::step::<S, ROWS, WIDE>(simd, b, |i| x[i], &mut left, &mut right);
            }
        }
        for i in 0..ROWS {
            let sums = [left[i], right[i]];
            let to = &mut out[(row + i) * self.n + self.left..][..self.columns];
            if self.columns == width {
                let (to, _) = S::as_mut_simd_f32s(to);
                for (to, &sum) in to.iter_mut().zip(&sums) {
                    *to = if self.from == 0 { sum } else { simd.add_f32s(*to, sum) };
                }
            } else {
                let mut line = [0.0f32; 2 * 16];
                let (vectors, _) = S::as_mut_simd_f32s(&mut line);
                for (vector, &sum) in vectors.iter_mut().zip(&sums) {
                    *vector = sum;
                }
                for (to, &sum) in to.iter_mut().zip(&line) {
                    *to = if self.from == 0 { sum } else { *to + sum };
                }
            }
        }
    }
}
