"""A pupil takes over what it shares with its teacher and learns the rest from the teacher's answers."""

import pytest
import torch
from torch import nn

from wisp.errors import InputError
from wisp.networks.deeplab import DeepLabV3Plus
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.training.data.loader import Batch
from wisp.training.teaching import Teacher, take_over


def segmenter(decoder=None):
    torch.manual_seed(0 if decoder is None else 1)
    return DeepLabV3Plus(MobileNetV2(output_stride=16), width=16, decoder=decoder)


@pytest.fixture
def teacher_file(tmp_path):
    recipe = '{"network": "segmenter", "width": 16, "decoder": null}'
    torch.save({"recipe": recipe, "step": 1, "network": segmenter().state_dict()}, tmp_path / "best.pt")
    return tmp_path / "best.pt"


def batch(size=64):
    image, alpha = torch.rand(2, 3, size, size), torch.rand(2, 1, size, size)
    return Batch(image, alpha, torch.zeros_like(alpha), image, image, torch.ones(2, 1, 1, 1))


def test_layers_of_the_same_name_and_shape_are_taken_over_and_frozen():
    teacher = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    pupil = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1), nn.Conv2d(1, 1, 1))
    teacher[1].running_mean.fill_(3)
    assert take_over(pupil, teacher) == 2
    torch.testing.assert_close(pupil[0].weight, teacher[0].weight)
    torch.testing.assert_close(pupil[1].running_mean, torch.full((4,), 3.0))
    pupil.train()
    assert [name for name, p in pupil.named_parameters() if p.requires_grad] == [
        "2.weight",
        "2.bias",
        "3.weight",
        "3.bias",
    ]
    assert not pupil[1].training
    assert pupil[2].training


def test_the_teacher_s_answers_are_the_labels(teacher_file):
    pupil = segmenter(decoder=8)
    teacher = Teacher(pupil, "segmenter", teacher_file)
    given = batch()
    labelled = teacher.labelled(given, lambda network: network(given.image))
    with torch.inference_mode():
        expected = torch.sigmoid(segmenter().eval()(given.image))
    torch.testing.assert_close(labelled.alpha, expected)
    assert labelled.weight.min() == 1
    assert labelled.image is given.image
    torch.testing.assert_close(pupil.encoder.features[0][0].weight, segmenter().encoder.features[0][0].weight)


@pytest.mark.parametrize(
    ("pupil", "name", "start", "said"),
    [
        (segmenter(8), "segmenter", None, "--start: is missing"),
        (segmenter(), "segmenter", "best.pt", "cannot teach this segmenter"),  # nothing is left to learn
        (nn.Conv2d(3, 1, 1), "portrait", "best.pt", "cannot teach this portrait"),
    ],
)
def test_who_cannot_teach_is_refused(pupil, name, start, said, teacher_file):
    with pytest.raises(InputError, match=said):
        Teacher(pupil, name, start and teacher_file)
