"""The datasets that are read as they are published: what each asks, its files, and where its makers say to get them."""

from __future__ import annotations

from dataclasses import dataclass

_COCO = "http://images.cocodataset.org"


@dataclass(frozen=True, slots=True)
class KnownDataset:
    """One line of `vasari eval --list`."""

    name: str
    asks: str  # in a few words, for somebody who has never heard of it
    figures: str
    group: str  # the heading it stands under
    files: str  # what tells that a folder is this dataset
    source: str  # of the captions or annotations
    pictures: str  # where they come from; "" where they come with it


_RECALL = "R@1, 5, 10, median rank, mAP@10"
_CAPTIONS = "Captions and their pictures"
_ALL = "Search with all right answers"
_FALSE = "True captions and false ones"

KNOWN = (
    KnownDataset(
        "COCO Captions",
        "photos and 5 captions each; also STAIR (Japanese)",
        _RECALL,
        _CAPTIONS,
        "annotations/captions_val2017.json, captions.json or stair_captions_*_val.json",
        f"{_COCO}/annotations/annotations_trainval2017.zip",
        f"{_COCO}/zips/val2017.zip (val2014.zip for those of 2014 and for STAIR) in val2017/",
    ),
    KnownDataset(
        "Karpathy splits",
        "COCO, Flickr30k, Flickr8k as papers split them",
        _RECALL,
        _CAPTIONS,
        "dataset_coco.json, dataset_flickr30k.json or dataset_flickr8k.json",
        "http://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip",
        f"{_COCO}/zips/val2014.zip in val2014/; Flickr30k's by the form of its makers in flickr30k-images/",
    ),
    KnownDataset(
        "Flickr30k, Flickr8k",
        "photos and 5 captions each; also Flickr30k-CN",
        _RECALL,
        _CAPTIONS,
        "captions.txt, results.csv, *.token or flickr30k_cn_test.txt",
        "https://forms.illinois.edu/sec/229675",
        "come with it; those of Flickr30k-CN are Flickr30k's",
    ),
    KnownDataset(
        "Crossmodal-3600",
        "3,600 photos, captions in 36 languages",
        _RECALL,
        _CAPTIONS,
        "captions.jsonl with image/key",
        "https://google.github.io/crossmodal-3600/web-data/captions.zip",
        "https://open-images-dataset.s3.amazonaws.com/crossmodal-3600/images.tgz in images/",
    ),
    KnownDataset(
        "XTD10",
        "1,000 photos of COCO, a caption in 11 languages",
        _RECALL,
        _CAPTIONS,
        "XTD10/test_image_names.txt and XTD10/, MIC/, STAIR/test_1kcaptions_<language>.txt",
        "https://github.com/adobe-research/Cross-lingual-Test-Dataset-XTD10",
        f"{_COCO}/zips/train2014.zip and val2014.zip in train2014/ and val2014/",
    ),
    KnownDataset(
        "XTD200, Flickr30k-200",
        "the same, and Flickr30k, in 200 languages",
        _RECALL,
        _CAPTIONS,
        "test_image_names.txt or filenames.txt, and deu_Latn.txt, ita_Latn.txt, …",
        "https://github.com/visheratin/nllb-clip (data/xtd200, data/flickr30k-200)",
        "those of XTD10; Flickr30k's",
    ),
    KnownDataset(
        "Multi30k",
        "Flickr30k in German, French and Czech",
        _RECALL,
        _CAPTIONS,
        "data/task1/raw/ and image_splits/; data/task2 for 5 captions in German and English",
        "https://github.com/multi30k/dataset",
        "Flickr30k's in flickr30k-images/",
    ),
    KnownDataset(
        "xFlickr&CO",
        "2,000 photos, a caption in 8 languages",
        _RECALL,
        _CAPTIONS,
        "<language>/test.jsonl",
        "https://github.com/e-bug/iglue (datasets/xFlickrCO/annotations)",
        f"Flickr30k's in flickr30k-images/, {_COCO}/zips/val2014.zip in val2014/",
    ),
    KnownDataset(
        "COCO-CN",
        "1,000 photos of COCO, captions in Chinese",
        _RECALL,
        _CAPTIONS,
        "coco-cn_test.txt and imageid.human-written-caption.txt",
        "https://github.com/li-xirong/coco-cn",
        f"{_COCO}/zips/train2014.zip and val2014.zip in train2014/ and val2014/",
    ),
    KnownDataset(
        "your own",
        "your pictures and what you say of them",
        _RECALL,
        _CAPTIONS,
        "captions.jsonl: one object a line with image, and caption or captions, and if you like language",
        "",
        "",
    ),
    KnownDataset(
        "ECCV-Caption",
        "COCO, with all right answers",
        "mAP@R, R-precision, R@1",
        _ALL,
        "eccv_caption_to_image.json and eccv_image_to_caption.json in a folder of COCO's captions",
        "https://github.com/naver-ai/eccv-caption (eccv_caption/data)",
        f"as Karpathy's split of COCO: dataset_coco.json and {_COCO}/zips/val2014.zip",
    ),
    KnownDataset(
        "CxC",
        "further right answers in COCO",
        "R@1, 5, 10",
        _ALL,
        "sits_test.csv or sits_val.csv in a folder with dataset_coco.json",
        "https://github.com/google-research-datasets/Crisscrossed-Captions",
        f"as Karpathy's split of COCO: {_COCO}/zips/val2014.zip in val2014/",
    ),
    KnownDataset(
        "INQUIRE",
        "expert queries on nature",
        "mAP@50, nDCG@50, MRR@50",
        _ALL,
        "inquire_annotations.csv and inquire_queries_test.csv",
        "https://github.com/inquire-benchmark/INQUIRE (data/inquire)",
        "https://ml-inat-competition-datasets.s3.amazonaws.com/2024/train.tar.gz in inat24/train/",
    ),
    KnownDataset(
        "SugarCrepe",
        "a caption with a false detail",
        "accuracy by change",
        _FALSE,
        "add_obj.json, replace_rel.json, swap_att.json, …",
        "https://github.com/RAIVNLab/sugar-crepe",
        f"{_COCO}/zips/val2017.zip in val2017/",
    ),
    KnownDataset(
        "Winoground",
        "two photos, two captions",
        "text, image and group score",
        _FALSE,
        "examples.jsonl with caption_0 and image_0",
        "https://huggingface.co/datasets/facebook/winoground (after agreeing to its terms)",
        "images.zip of the same place, unpacked in images/",
    ),
    KnownDataset(
        "ARO",
        "who does what, what is how",
        "accuracy by kind",
        _FALSE,
        "visual_genome_relation.json, visual_genome_attribution.json",
        "https://github.com/mertyg/vision-language-models-are-bows (--download)",
        "vgr_vga_images.zip of the same place in images/",
    ),
)
