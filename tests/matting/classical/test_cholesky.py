"""The sparse factorisation against dense algebra."""

import numpy as np
import pytest
from scipy.sparse import csr_array, triu

from wisp.matting.classical.cholesky import Cholesky, nested_dissection


def pixels(kind):
    rng = np.random.default_rng(5)
    grid = {
        "block": np.ones((23, 31), bool),
        "ring": np.hypot(*(np.mgrid[:50, :50] - 25)).astype(int) // 4 == 4,
        "dust": rng.random((60, 60)) < 0.08,
        "line": np.ones((1, 400), bool),
        "one": np.ones((1, 1), bool),
    }[kind]
    return np.nonzero(grid)


def matrix(rows, columns, reach):
    """Random couplings between all pixels within reach, made positive definite by the diagonal."""
    rng = np.random.default_rng(6)
    near = (np.abs(rows[:, None] - rows) <= reach) & (np.abs(columns[:, None] - columns) <= reach)
    A = np.where(near, rng.standard_normal(near.shape), 0)
    A = A + A.T
    return A + np.diag(np.abs(A).sum(axis=1) + 0.1)


@pytest.mark.parametrize("kind", ["block", "ring", "dust", "line", "one"])
@pytest.mark.parametrize("reach", [1, 2, 4])
@pytest.mark.parametrize("leaf", [1, 20, 120])
def test_solves_exactly(kind, reach, leaf):
    rows, columns = pixels(kind)
    ordering = nested_dissection(rows, columns, reach, leaf)
    np.testing.assert_array_equal(np.sort(ordering.order), np.arange(len(rows)))
    A = matrix(rows, columns, reach)[np.ix_(ordering.order, ordering.order)]
    b = np.random.default_rng(7).standard_normal(len(rows))
    factor = Cholesky(triu(csr_array(A), format="csr"), ordering)
    np.testing.assert_allclose(factor.solve(b), np.linalg.solve(A, b), atol=1e-9)


def test_single_precision_is_close_and_as_small_as_the_band():
    rows, columns = pixels("ring")
    ordering = nested_dissection(rows, columns, 2)
    A = matrix(rows, columns, 2)[np.ix_(ordering.order, ordering.order)]
    b = np.ones(len(rows))
    factor = Cholesky(triu(csr_array(A), format="csr"), ordering, np.float32)
    np.testing.assert_allclose(factor.solve(b), np.linalg.solve(A, b), rtol=1e-4, atol=1e-5)
    assert factor.size < len(rows) ** 2 / 2


def test_refuses_a_matrix_that_is_not_positive_definite():
    rows, columns = pixels("block")
    ordering = nested_dissection(rows, columns, 1)
    A = -np.eye(len(rows))
    with pytest.raises(np.linalg.LinAlgError):
        Cholesky(csr_array(A), ordering)
