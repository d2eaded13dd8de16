"""Tiny copies of the published data sets' folders, with distinguishable pictures."""

import base64
import json
import zlib

import numpy as np

from wisp.data import vips


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    vips.as_image(np.ascontiguousarray(pixels, np.uint8)).write_to_file(str(path))


def colours(shape, seed):
    """Random colours, uint8 (H, W, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)


def alpha(shape, seed=0):
    """A ramp from 0 to 255 between a known left and right third, shifted by `seed`, uint8 (H, W)."""
    height, width = shape
    ramp = (np.arange(width) - width / 3 - seed % 2) * 3 / width
    return np.tile(np.clip(ramp * 255, 0, 255).astype(np.uint8), (height, 1))


def pair(photos, alphas, name, *, shape=(12, 15), suffix=".png", seed=0):
    write(photos / f"{name}{suffix}", colours(shape, seed))
    write(alphas / f"{name}.png", alpha(shape, seed))


def composition_1k(root):
    """Three training foregrounds in two folders, one test foreground; two and three backgrounds each."""
    licensed, other = root / "Training_set/Adobe-licensed images", root / "Training_set/Other"
    pair(licensed / "fg", licensed / "alpha", "1-12IM", seed=1)
    pair(licensed / "fg", licensed / "alpha", "a person", seed=2, suffix=".jpg")
    pair(other / "fg", other / "alpha", "cc.0", seed=3)
    (root / "Training_set/training_fg_names.txt").write_text("cc.0.png\n1-12IM.png\na person.jpg\n")
    listed = [f"COCO_train2014_{number:03}.jpg" for number in (5, 3, 1, 4, 0, 2)]
    (root / "Training_set/training_bg_names.txt").write_text("\n".join(listed))
    test = root / "Test_set/Adobe-licensed images"
    pair(test / "fg", test / "alpha", "t-shirt", seed=4)
    trimap = alpha((12, 15), 4)
    for number in range(3):
        drawn = np.where((trimap > 0) & (trimap < 255), 128, trimap)
        drawn[number] = 128
        write(test / f"trimaps/t-shirt_{number}.png", drawn)
    (root / "Test_set/test_fg_names.txt").write_text("t-shirt.png\n")
    (root / "Test_set/test_bg_names.txt").write_text("2008_1.jpg\n2008_2.jpg\n2008_0.jpg\n")
    return root


def distinctions_646(root):
    """Two training foregrounds, and one to test on that shares a name; lists with Windows' line ends."""
    for number, name in enumerate(("h_10", "test_3")):
        pair(root / "Train/FG", root / "Train/GT", name, seed=10 + number)
    pair(root / "Test/FG", root / "Test/GT", "test_3", seed=20)
    (root / "Train/fg_train.txt").write_bytes(b"test_3.png\r\nh_10.png\r\n")
    (root / "Train/bg_train.txt").write_bytes(b"COCO_train2014_002.jpg\r\nCOCO_train2014_001.jpg")
    return root


def p3m_10k(root):
    train, validation = root / "train", root / "validation"
    for name in ("p_1", "p_2"):
        pair(train / "blurred_image", train / "mask", name, suffix=".jpg")
    for part, photos in (("P3M-500-P", "blurred_image"), ("P3M-500-NP", "original_image")):
        pair(validation / part / photos, validation / part / "mask", "p_3", suffix=".jpg", seed=len(part))
    return root


def am_2k(root):
    pair(root / "train/original", root / "train/mask", "m_1", suffix=".jpg")
    pair(root / "train/fg", root / "train/bg", "m_1")
    pair(root / "validation/original", root / "validation/mask", "m_2", suffix=".jpg", seed=1)
    return root


def aim_500(root):
    for number in range(3):
        pair(root / "original", root / "mask", f"o_{number}", suffix=".jpg", seed=number)
        write(root / f"trimap/o_{number}.png", alpha((12, 15)))
    return root


def ppm_100(root):
    for number in range(3):
        write(root / f"image/{number}_o.jpg", colours((12, 15), number))
        write(root / f"matte/{number}_o.jpg", alpha((12, 15), number))
    return root


def photomatte85(root):
    for number in range(3):
        write(root / f"{number}.png", np.dstack([colours((12, 15), number), alpha((12, 15), number)]))
    return root


def human_matting(root):
    """Three photos of two groups, their mattes with alpha, and what a Mac leaves behind."""
    for number, group in enumerate(("1803151818", "1803151818", "1804010917")):
        name = f"{group}-{number:08}"
        pixels = colours((12, 15), number)
        write(root / f"clip_img/{group}/clip_00000000/{name}.jpg", pixels)
        matte = np.dstack([pixels, alpha((12, 15), number)])
        write(root / f"matting/{group}/matting_00000000/{name}.png", matte)
    (root / "matting/1803151818/matting_00000000/._1803151818-00000000.png").write_bytes(b"not a picture")
    return root


def bitmap(mask, origin):
    """A mask (h, w) as Supervisely stores it: the alpha of a PNG, deflated, in base64."""
    pixels = np.dstack([np.zeros((*mask.shape, 3), np.uint8), np.where(mask, 255, 0).astype(np.uint8)])
    data = base64.b64encode(zlib.compress(vips.as_image(pixels).pngsave_buffer())).decode()
    return {"geometryType": "bitmap", "bitmap": {"data": data, "origin": origin}, "points": None}


def polygon(exterior, *interior):
    return {"geometryType": "polygon", "points": {"exterior": exterior, "interior": list(interior)}}


def annotation(path, objects, size=(12, 15)):
    content = {
        "size": {"height": size[0], "width": size[1]},
        "objects": objects,
        "tags": [],
        "description": "",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def supervisely(root):
    """Two parts with a photo each, and one of nobody: a bitmap, a polygon with a hole, a neutral strip."""
    square = polygon([[2, 2], [10, 2], [10, 10], [2, 10]], [[4, 4], [6, 4], [6, 6], [4, 6]])
    strip = polygon([[0, 0], [15, 0], [15, 3], [0, 3]])
    shapes = {
        "ds1/one.png": [{"classTitle": "person_bmp", **bitmap(np.eye(4, dtype=bool), [3, 5])}],
        "ds1/nobody.png": [],
        "ds10/two.jpg": [
            {"classTitle": "person_poly", **square},
            {"classTitle": "neutral", **strip},
            {"classTitle": "dog", **strip},
        ],
    }
    for number, (name, objects) in enumerate(shapes.items()):
        part, file = name.split("/")
        write(root / part / "img" / file, colours((12, 15), number))
        annotation(root / part / "ann" / f"{file}.json", objects)
    (root / "meta.json").write_text("{}")
    return root


def scenes(root):
    """Six backgrounds named as in COCO, three as in VOC, of sizes around that of the foregrounds."""
    for number in range(6):
        write(
            root / f"COCO_train2014_{number:03}.jpg", colours((8 + 3 * number, 20 - 2 * number), 30 + number)
        )
    for number in range(3):
        write(root / f"VOC/2008_{number}.jpg", colours((12 + number, 10 + 4 * number), 40 + number))
    return root
