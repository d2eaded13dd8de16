"""The networks that wisp knows, as rows of data, and how a name or a file becomes a verified ONNX file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from wisp.core.digests import sha256_of
from wisp.core.errors import InputError
from wisp.engine.families import FAMILIES
from wisp.engine.loaded import Identity, identity


@dataclass(frozen=True)
class Variant:
    """Another file of a network that comes with wisp: the same inputs and outputs, other arithmetic.

    Attributes:
        file: a name inside ``wisp/weights``.
        size: of the file, in bytes.
        sha256: of the file, checked before its first use.
    """

    file: str
    size: int
    sha256: str

    @property
    def path(self) -> Path:
        """Path of the ONNX file in the installed package."""
        return Path(str(resources.files("wisp.weights") / self.file))


@dataclass(frozen=True)
class Model:
    """One network.

    Attributes:
        name: what ``--model`` and ``wisp models`` call it.
        family: what it does, hence which inputs and outputs it has, a key of `wisp.engine.families.FAMILIES`.
        file: the ONNX file: a name inside ``wisp/weights``, or the path of the user's own file.
        size: of the file, in bytes; 0 for the user's own.
        sha256: of the file, checked before its first use; empty for the user's own.
        licence: of the weights.
        training_data: what it was trained on, in short; its card tells the rest.
        input_size: the length in pixels of the long side of the picture that it sees.
        multiple: both sides of its input are multiples of this.
        int8: the same network quantised (``wisp export --int8``); None where there is none.
    """

    name: str
    family: str
    file: str
    size: int
    sha256: str
    licence: str
    training_data: str
    input_size: int = 512
    multiple: int = 32
    int8: Variant | None = None

    @property
    def shipped(self) -> bool:
        """Whether the file comes with wisp."""
        return bool(self.sha256)

    @property
    def path(self) -> Path:
        """Path of the ONNX file in the installed package."""
        if self.shipped:
            return Path(str(resources.files("wisp.weights") / self.file))
        return Path(self.file)

    @property
    def card(self) -> Path | None:
        """Path of the model card beside the file; None where there is none."""
        card = self.path.with_suffix(".md")
        return card if card.is_file() else None


_LICENCE: Final = "Apache-2.0 (encoder from MODNet); trained on photos of which some are for research use"
_PHOTOS: Final = "1,293 photos of people and composites of them, 172 photos without people"
_ANYTHING: Final = "1,803 photos of people, 505 of things, 259 cut-outs, and composites on 255 backgrounds"

MODELS: Final[dict[str, Model]] = {
    model.name: model
    for model in (
        Model(
            name="subject-mobile",
            family="subject",
            file="subject-mobile.onnx",
            size=5_350_301,
            sha256="7f7d03171ed0850035dc23642f5e277c261e0e15addfd883cd8401bb476c3b9e",
            licence=_LICENCE,
            training_data=_ANYTHING,
            input_size=416,
        ),
        Model(
            name="segmenter-mobile",
            family="segmenter",
            file="segmenter-mobile.onnx",
            size=4_955_493,
            sha256="b51437d6cf22df11118787c28aa743db3a938933ffa930028a6e00d18d4bc845",
            licence=_LICENCE,
            training_data=_ANYTHING,
            input_size=416,
            int8=Variant(
                "segmenter-mobile-int8.onnx",
                2_881_948,
                "841ffb9bcccfa7a780b61fb229fd1477665db22a45c3bf9956f08452c2fceb2d",
            ),
        ),
        Model(
            name="matting-mobile",
            family="portrait",
            file="matting-mobile.onnx",
            size=6_959_973,
            sha256="be2a2caca4dc7fb68d87f27ccca49b5504055382b8d11367aadf7cb9e9aaace5",
            licence=_LICENCE,
            training_data=f"{_ANYTHING}, strands of hair drawn on most",
            input_size=704,
            int8=Variant(
                "matting-mobile-int8.onnx",
                4_024_475,
                "65e1affc450373c91348c688c7f648bf532e662370f93b5779d7922df9bd8ead",
            ),
        ),
        Model(
            name="matting-mobile-refinement",
            family="portrait-refinement",
            file="matting-mobile-refinement.onnx",
            size=186_862,
            sha256="a914b8d87cb2e20a5ff67ffe7f2a3efbe110f40e7c05abdcff2e4d50e91e111e",
            licence=_LICENCE,
            training_data=f"{_PHOTOS}, strands of hair drawn on some",
            input_size=64,
            int8=Variant(
                "matting-mobile-refinement-int8.onnx",
                112_148,
                "7bfa2602178f5c915a0aaa31afcc0ddb2ba9595fdfda8a05ea86a316ec738e91",
            ),
        ),
        Model(
            name="dim-mobile",
            family="dim",
            file="dim-mobile.onnx",
            size=4_362_111,
            sha256="5d7ab06efbee670607d8bd3e8b0fd8473c0b4e859e51fbe3e36a2bf963d96f63",
            licence=_LICENCE,
            training_data=f"{_ANYTHING}, procedural foregrounds",
        ),
        Model(
            name="dlmn-mobile",
            family="dlmn",
            file="dlmn-mobile.onnx",
            size=5_987_115,
            sha256="7f94f83d8af945fcc032588723614fcb15726f2d5ae0b2b74a3ceade9ce8857e",
            licence=_LICENCE,
            training_data="1,803 photos of people and composites of them on 255 backgrounds",
        ),
        Model(
            name="unet-small",
            family="unet",
            file="unet-small.onnx",
            size=3_164_396,
            sha256="35be3a8dfd2236f5bfc0473357ccf061bba22e6e34dc46a11229c55a5016c6cb",
            licence="Apache-2.0; trained on photos of which some are for research use",
            training_data="1,803 photos of people and composites of them on 255 backgrounds",
        ),
    )
}


RENAMED: Final[dict[str, str]] = {
    "portrait-mobile": "matting-mobile",
    "portrait-mobile-led": "matting-mobile",
    "portrait-mobile-refinement": "matting-mobile-refinement",
    "subject-mobile-clip": "subject-mobile",
}
"""Names of networks that left the package, each with the name of the one used in its place."""


def find_model(name_or_file: str | Path | None, family: str = "segmenter") -> Model:
    """The row of a network.

    Args:
        name_or_file: a name in `MODELS`, or the path of an ONNX file, which sees pictures of the same size as
            the family's default network; None for that one.
        family: what the network must do.

    Raises:
        InputError: neither a known name nor a file, or a network of another family.
    """
    if name_or_file is None:
        default = FAMILIES[family].default
        if not default:
            raise InputError(
                "model", f"no {family} network comes with wisp", "the path of an ONNX file is accepted"
            )
        return MODELS[default]
    if not isinstance(name_or_file, str | Path):
        raise InputError("model", f"is {name_or_file!r}"[:80], "a name or the path of a file is accepted")
    known = MODELS.get(RENAMED.get(str(name_or_file), str(name_or_file)))
    if known is None:
        path = Path(name_or_file)
        if not path.is_file():
            names = ", ".join(MODELS)
            raise InputError(
                name_or_file, "is no known network and no file", f"{names} or an ONNX file is accepted"
            )
        own = Model(path.stem, family, str(path), 0, "", licence="unknown", training_data="unknown")
        row = FAMILIES.get(family)  # none for networks that are trained and exported but are no method
        like = MODELS.get(row.default, own) if row is not None else own
        return replace(own, input_size=like.input_size, multiple=like.multiple)
    if known.family != family and (known.family, family) != ("segmenter", "subject"):
        names = ", ".join(model.name for model in MODELS.values() if model.family == family)
        raise InputError(name_or_file, f"is a {known.family}", f"a {family} is accepted: {names}")
    return known


def refinement_of(model: Model) -> Model:
    """The border refinement that goes with a portrait network.

    That of a shipped network is named after it. Beside a user's own ``FILE.onnx`` it is
    ``FILE-refinement.onnx``. Where there is none, the default one takes its place, which depends on no
    generator.

    Args:
        model: a row of the family ``portrait``.
    """
    family = "portrait-refinement"
    if model.shipped:
        own = f"{model.name}-refinement"
        return find_model(own if own in MODELS else None, family)
    beside = model.path.with_name(f"{model.path.stem}-refinement{model.path.suffix}")
    return find_model(beside if beside.is_file() else None, family)


def ssrn_of(model: Model, asked: bool | None = None) -> Model | None:
    """The SSRN that refines what a DLMN-G finds; None where there is none, or none is wanted.

    That of a shipped network is named after it. Beside a user's own ``FILE.onnx`` it is ``FILE-ssrn.onnx``.

    Args:
        model: a row of the family ``dlmn``.
        asked: whether one is wanted; where there is one when None.

    Raises:
        InputError: one is asked for and there is none.
    """
    if asked is False:
        return None
    if model.shipped:
        found = MODELS.get(f"{model.name}-ssrn")
    else:
        beside = model.path.with_name(f"{model.path.stem}-ssrn{model.path.suffix}")
        found = find_model(beside, "ssrn") if beside.is_file() else None
    if asked and found is None:
        raise InputError(model.name, "has no SSRN", "FILE-ssrn.onnx beside the model's FILE.onnx is accepted")
    return found


def verified_file(model: Model) -> Path:
    """The path of a network's file, after comparing it with its row: once, unless another file lies there.

    Raises:
        InputError: the file is missing, or is not the one that the row describes.
    """
    return _verified(model.path, model.sha256, identity(model.path))


def verified_variant(variant: Variant) -> Path:
    """The path of a variant's file, after comparing it with its row: once, unless another file lies there."""
    return _verified(variant.path, variant.sha256, identity(variant.path))


@cache
def _verified(path: Path, sha256: str, found_at: Identity | None) -> Path:
    if not path.is_file():
        raise InputError(path, "is missing", "install wisp again")
    if sha256:
        found = sha256_of(path)
        if found != sha256:
            problem = f"is damaged: its sha256 is {found[:12]}…, not {sha256[:12]}…"
            raise InputError(path, problem, "install wisp again")
    return path
