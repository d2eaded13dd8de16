"""Other people's networks, run from their ONNX files as their authors' own scripts run them.

    >>> from wisp.engine.peers import open_peer
    >>> modnet = open_peer("modnet", "modnet.onnx")  # doctest: +SKIP
    >>> alpha = modnet(image)  # doctest: +SKIP

Wisp ships none of them: each file has a licence of its own, which its row tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import numpy.typing as npt

from wisp.core.arrays import (
    Alpha,
    Background,
    Image,
    Mask,
    Trimap,
    check_alpha,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.core.errors import InputError
from wisp.engine.devices import Device, Precision
from wisp.engine.peers.guided import bgmv2, fba, mgm
from wisp.engine.peers.network import Network, Signature, not_of_family
from wisp.engine.peers.single import birefnet, isnet, modnet, rmbg14, rvm, u2net
from wisp.engine.sessions import Runtime, open_session

__all__ = ["PEERS", "Guidance", "LoadedPeer", "Network", "Peer", "Signature", "find_peer", "open_peer"]

Guidance: TypeAlias = Literal["trimap", "mask", "plate"]


@dataclass(frozen=True)
class Peer:
    """A family of networks that somebody else trained.

    Attributes:
        name: what the command line calls it.
        family: what its authors call it.
        guidance: what it needs one of beside the photo; empty when the photo is enough.
        signatures: the inputs and outputs that its ONNX file may have.
        licence: of the published weights.
        source: the paper, and where the authors keep code and weights.
        adapter: f(network, image, **guidance) -> alpha.
    """

    name: str
    family: str
    guidance: tuple[Guidance, ...]
    signatures: tuple[Signature, ...]
    licence: str
    source: str
    adapter: Callable[..., Alpha]


@dataclass(frozen=True)
class LoadedPeer:
    """A peer with its network: f(image, guidance) -> alpha.

    Attributes:
        peer: its row.
        network: its file, loaded.
    """

    peer: Peer
    network: Network

    def __call__(
        self,
        image: Image,
        *,
        trimap: Trimap | None = None,
        mask: Mask | None = None,
        plate: Background | None = None,
    ) -> Alpha:
        """Alpha of a photo.

        Args:
            image: float32 (H, W, 3), sRGB-encoded, [0, 1].
            trimap: uint8 (H, W), 0 background, 128 unknown, 255 foreground.
            mask: soft or hard segmentation, float32 (H, W), [0, 1].
            plate: the same place without the subject, float32 (H, W, 3), sRGB-encoded, [0, 1].

        Returns:
            float32 (H, W), [0, 1].

        Raises:
            InputError: arrays of the wrong kind or of different sizes, guidance that is missing or that the
                peer does not take, or a network that turns out to be something else.
        """
        check_image(image)
        guidance: dict[str, npt.NDArray[Any]] = {}
        if trimap is not None:
            guidance["trimap"] = check_trimap(trimap)
        if mask is not None:
            guidance["mask"] = check_alpha(mask, "mask")
        if plate is not None:
            guidance["plate"] = check_image(plate, "plate")
        for name, array in guidance.items():
            check_same_size(name, array, "image", image)
        if len(guidance) > 1:
            raise InputError(" and ".join(guidance), "are both given", "one guidance is accepted")
        if not set(guidance) <= set(self.peer.guidance) or (self.peer.guidance and not guidance):
            problem = f"was given {', '.join(guidance) or 'nothing'} beside the photo"
            accepted = f"{' or '.join(self.peer.guidance) or 'nothing'} is accepted"
            raise InputError(self.peer.name, problem, accepted)
        return self.peer.adapter(self.network, image, **guidance)

    def release_buffers(self) -> None:
        """Give back the memory that the network computed in, which its next run takes again."""
        self.network.session.release_buffers()


def find_peer(name: str) -> Peer:
    """The row of a peer; `InputError` for a name that is not in `PEERS`."""
    if name not in PEERS:
        raise InputError(name, "is no known peer", f"{', '.join(PEERS)} are accepted")
    return PEERS[name]


def open_peer(
    name: str,
    file: str | Path,
    *,
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
) -> LoadedPeer:
    """Load a peer's network.

    Args:
        name: a key of `PEERS`.
        file: its ONNX file.
        runtime: ``openvino`` or ``onnxruntime`` to have that one; ``auto`` for wisp's own choice.
        device: where to run: ``auto``, ``cpu`` or ``gpu``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``int8``.
        threads: of the CPU; None for as many as there are cores.

    Raises:
        InputError: no such peer, no such file, a file that is something else, or no such runtime, device or
            precision here.
        MissingExtraError: the runtime is not installed.
    """
    peer, file = find_peer(name), Path(file)
    if not file.is_file():
        raise InputError(file, "does not exist", f"the ONNX file of a {peer.family} network is accepted")
    session = open_session(file, device=device, precision=precision, threads=threads, runtime=runtime)
    for signature in peer.signatures:
        if signature.fits(session.inputs, session.outputs):
            return LoadedPeer(peer, Network(peer.family, file, session, signature))
    raise not_of_family(file, peer.family, peer.signatures)


_ONE_MAP: Final = Signature({"image": 3}, {"output": 1})
_U2NET: Final = Signature({"image": 3}, {f"d{level}": 1 for level in range(7)})
_FINEST_FIRST: Final = Signature({"image": 3}, {"d0": 1}, more=True)
_RVM: Final = Signature(
    {"src": 3, "r1i": 0, "r2i": 0, "r3i": 0, "r4i": 0, "downsample_ratio": 0},
    {"fgr": 3, "pha": 1, "r1o": 0, "r2o": 0, "r3o": 0, "r4o": 0},
    named=True,
)
_FBA: Final = {"image": 3, "trimap": 2, "normalised": 3, "distances": 6}
_FBA_OUTPUT: Final = {"output": 7}

PEERS: Final[Mapping[str, Peer]] = MappingProxyType(
    {
        peer.name: peer
        for peer in (
            Peer(
                name="modnet",
                family="MODNet",
                guidance=(),
                signatures=(_ONE_MAP,),
                licence="Apache-2.0",
                source="Ke et al., MODNet: Real-Time Trimap-Free Portrait Matting via Objective "
                "Decomposition, AAAI 2022; https://github.com/ZHKKKe/MODNet",
                adapter=modnet,
            ),
            Peer(
                name="u2net",
                family="U²-Net",
                guidance=(),
                signatures=(_U2NET,),
                licence="Apache-2.0",
                source="Qin et al., U²-Net: Going Deeper with Nested U-Structure for Salient Object "
                "Detection, Pattern Recognition 2020; https://github.com/xuebinqin/U-2-Net",
                adapter=u2net,
            ),
            Peer(
                name="isnet",
                family="IS-Net",
                guidance=(),
                signatures=(_FINEST_FIRST,),
                licence="Apache-2.0",
                source="Qin et al., Highly Accurate Dichotomous Image Segmentation, ECCV 2022; "
                "https://github.com/xuebinqin/DIS",
                adapter=isnet,
            ),
            Peer(
                name="rvm",
                family="RVM",
                guidance=(),
                signatures=(_RVM,),
                licence="GPL-3.0",
                source="Lin et al., Robust High-Resolution Video Matting with Temporal Guidance, WACV 2022; "
                "https://github.com/PeterL1n/RobustVideoMatting",
                adapter=rvm,
            ),
            Peer(
                name="birefnet",
                family="BiRefNet",
                guidance=(),
                signatures=(_ONE_MAP,),
                licence="MIT",
                source="Zheng et al., Bilateral Reference for High-Resolution Dichotomous Image "
                "Segmentation, CAAI AIR 2024; https://github.com/ZhengPeng7/BiRefNet",
                adapter=birefnet,
            ),
            Peer(
                name="rmbg",
                family="RMBG 2.0",
                guidance=(),
                signatures=(_ONE_MAP,),
                licence="CC BY-NC 4.0; commerce by agreement with BRIA",
                source="BRIA AI's training of BiRefNet; https://huggingface.co/briaai/RMBG-2.0",
                adapter=birefnet,
            ),
            Peer(
                name="rmbg-1.4",
                family="RMBG 1.4",
                guidance=(),
                signatures=(_FINEST_FIRST,),
                licence="not for commerce; commerce by agreement with BRIA",
                source="BRIA AI's training of IS-Net; https://huggingface.co/briaai/RMBG-1.4",
                adapter=rmbg14,
            ),
            Peer(
                name="fba",
                family="FBA",
                guidance=("trimap",),
                signatures=(
                    Signature(_FBA, _FBA_OUTPUT),
                    Signature({n: c for n, c in _FBA.items() if n != "normalised"}, _FBA_OUTPUT),
                ),
                licence="not for commerce (trained on Adobe's data set)",
                source="Forte and Pitié, F, B, Alpha Matting, arXiv 2003.07711, 2020; "
                "https://github.com/MarcoForte/FBA_Matting",
                adapter=fba,
            ),
            Peer(
                name="mgm",
                family="MGMatting",
                guidance=("mask", "trimap"),
                signatures=(
                    Signature({"image": 3, "mask": 1}, {"alpha_os1": 1, "alpha_os4": 1, "alpha_os8": 1}),
                ),
                licence="CC BY-NC",
                source="Yu et al., Mask Guided Matting via Progressive Refinement Network, CVPR 2021; "
                "https://github.com/yucornetto/MGMatting",
                adapter=mgm,
            ),
            Peer(
                name="bgmv2",
                family="Background Matting V2",
                guidance=("plate",),
                signatures=(Signature({"src": 3, "bgr": 3}, {"pha": 1}, more=True),),
                licence="MIT",
                source="Lin et al., Real-Time High-Resolution Background Matting, CVPR 2021; "
                "https://github.com/PeterL1n/BackgroundMattingV2",
                adapter=bgmv2,
            ),
        )
    }
)
"""The peers that wisp can run, by name."""
