"""The tiny project of the stages' tests, with recordings that were placed by hand."""

from tests.stages.conftest import documents as documents
from tests.stages.test_integrate import raw as raw
