//! Reading strided tensors into row-major buffers.

use crate::exec::layout::{Dims, Layout};

/// Edge of the square blocks in which a transposition walks.
const BLOCK: usize = 16;

/// Copy the elements `start .. start + out.len()` (in logical order) of a strided tensor.
pub(crate) fn read<T: Copy>(src: &[T], dims: &Dims, offset: usize, start: usize, out: &mut [T]) {
    let Some((&(len, stride), outer)) = dims.split_last() else { return };
    let mut index = vec![0; outer.len()];
    let (mut rest, mut at) = (start / len, offset);
    for (i, &(size, step)) in outer.iter().enumerate().rev() {
        index[i] = rest % size;
        rest /= size;
        at += index[i] * step;
    }
    let (mut done, mut column) = (0, start % len);
    while done < out.len() {
        let n = (len - column).min(out.len() - done);
        row(src, at + column * stride, stride, &mut out[done..done + n]);
        done += n;
        column = 0;
        at = advance(&mut index, outer, at);
    }
}

/// Offset of the next row.
fn advance(index: &mut [usize], outer: &[(usize, usize)], mut at: usize) -> usize {
    for (i, &(size, step)) in outer.iter().enumerate().rev() {
        index[i] += 1;
        at += step;
        if index[i] < size {
            return at;
        }
        index[i] = 0;
        at -= size * step;
    }
    at
}

#[inline]
fn row<T: Copy>(src: &[T], at: usize, stride: usize, out: &mut [T]) {
    match stride {
        0 => out.fill(src[at]),
        1 => out.copy_from_slice(&src[at..at + out.len()]),
        _ => {
            for (o, &x) in out.iter_mut().zip(src[at..].iter().step_by(stride)) {
                *o = x;
            }
        }
    }
}

/// Copy a whole strided tensor, transpositions in blocks.
pub(crate) fn copy<T: Copy>(src: &[T], layout: &Layout, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    let dims = layout.dims();
    if let &[ref outer @ .., (rows, 1), (columns, stride)] = &dims[..]
        && stride > 1
        && rows > 1
    {
        let mut index = vec![0; outer.len()];
        let mut at = layout.offset;
        for matrix in out.chunks_exact_mut(rows * columns) {
            transpose(&src[at..], rows, columns, stride, matrix);
            at = advance(&mut index, outer, at);
        }
        return;
    }
    read(src, &dims, layout.offset, 0, out);
}

/// `out[r, c] = src[r + c * stride]`
fn transpose<T: Copy>(src: &[T], rows: usize, columns: usize, stride: usize, out: &mut [T]) {
    for r0 in (0..rows).step_by(BLOCK) {
        for c0 in (0..columns).step_by(BLOCK) {
            let (height, width) = (BLOCK.min(rows - r0), BLOCK.min(columns - c0));
            for r in r0..r0 + height {
                let from = src[r + c0 * stride..].iter().step_by(stride);
                let to = &mut out[r * columns + c0..r * columns + c0 + width];
                for (o, &x) in to.iter_mut().zip(from) {
                    *o = x;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{copy, read};
    use crate::exec::layout::Layout;

    fn naive(src: &[u32], layout: &Layout) -> Vec<u32> {
        (0..layout.elements())
            .map(|mut i| {
                let mut at = layout.offset;
                for (&size, &stride) in layout.shape.iter().zip(&layout.strides).rev() {
                    at += i % size * stride;
                    i /= size;
                }
                src[at]
            })
            .collect()
    }

    #[test]
    fn strided_tensors_are_read_in_logical_order() {
        let src: Vec<u32> = (0..5 * 19 * 21).collect();
        let base = Layout::row_major(&[5, 19, 21]);
        let layouts = [
            base.clone(),
            base.permute(&[0, 2, 1]),
            base.permute(&[1, 0, 2]),
            base.permute(&[2, 1, 0]),
            base.slice(1, 3, 4, 4),
            base.slice(2, 1, 2, 10).permute(&[0, 2, 1]),
            base.slice(1, 2, 1, 1).expand(&[5, 7, 21]),
            base.slice(2, 20, 1, 1).expand(&[5, 19, 6]),
        ];
        for layout in layouts {
            let want = naive(&src, &layout);
            let mut out = vec![0; want.len()];
            copy(&src, &layout, &mut out);
            assert_eq!(out, want, "{layout:?}");
            let mut part = vec![0; want.len() / 2];
            read(&src, &layout.dims(), layout.offset, 11, &mut part);
            assert_eq!(part, want[11..11 + part.len()], "{layout:?}");
        }
    }
}
