"""Every method that starts from a trimap keeps to the contract; a new row of the table is tested unasked."""

import pytest

from contracts import MethodContract
from wisp.methods import METHODS

FROM_TRIMAPS = [row.name for row in METHODS.values() if row.function and row.needs == "trimap" and row.photo]


@pytest.mark.parametrize("method", FROM_TRIMAPS)
class TestEveryMethod(MethodContract):
    @pytest.fixture(autouse=True)
    def _named(self, method):
        self.method = method
        self.within = {"random-walk": 0.2}.get(method, self.within)  # the softest
