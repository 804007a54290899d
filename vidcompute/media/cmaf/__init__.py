"""Fragmented MP4 of our own: a small reader and writer that put encoders' output on exact times (CMAF)."""

from vidcompute.media.cmaf.cutter import AudioCutter, CutStream, Cutter, SegmentCutter, SegmentPlan, encode_mismatch
from vidcompute.media.cmaf.init import InitSegment
from vidcompute.media.cmaf.reader import FragmentReader, Sample, Scan, ScannedSample, read_file, scan_segment
from vidcompute.media.cmaf.writer import KeyframeRange, Segment, SegmentInfo, write_segment, write_with_info

__all__ = [
    "AudioCutter",
    "CutStream",
    "Cutter",
    "FragmentReader",
    "InitSegment",
    "KeyframeRange",
    "Sample",
    "Scan",
    "ScannedSample",
    "Segment",
    "SegmentCutter",
    "SegmentInfo",
    "SegmentPlan",
    "encode_mismatch",
    "read_file",
    "scan_segment",
    "write_segment",
    "write_with_info",
]
