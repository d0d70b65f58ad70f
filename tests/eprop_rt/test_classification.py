"""Accuracies, confusion, windows and transfer rate, each against what is worked out by hand."""

import math

import numpy as np
import pytest

from eprop_rt.classification import Decided, score_classes, transfer_rate

BIN_S = 0.1


def decided(true, said, classes=3):
    return Decided(classes, np.array(true, np.int64), np.array(said, np.int64))


def rows(classes, count=3, sure=0.8):
    """Probabilities that favour a class each; -1 is a label that is absent."""
    said = np.full((len(classes), count), (1 - sure) / (count - 1))
    for row, one in enumerate(classes):
        said[row, one] = sure
    return said


def one_hot(classes, count=3):
    true = np.full((len(classes), count), np.nan)
    for row, one in enumerate(classes):
        if one >= 0:
            true[row] = np.eye(count)[one]
    return true


def test_rows_of_a_confusion_are_the_truth_and_columns_what_was_said():
    one = decided([0, 0, 0, 1, 2], [0, 1, 1, 1, 0])
    assert one.confusion.tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 0]]
    assert one.accuracy == pytest.approx(2 / 5)
    assert one.balanced_accuracy == pytest.approx((1 / 3 + 1 + 0) / 3)


def test_a_class_that_did_not_occur_weighs_nothing_in_the_balance():
    assert decided([0, 0, 1], [0, 0, 0]).balanced_accuracy == pytest.approx(0.5)
    nothing = decided([], [])
    assert math.isnan(nothing.accuracy)
    assert math.isnan(nothing.balanced_accuracy)


def test_a_window_is_decided_by_the_mean_of_its_bins():
    true = one_hot([0, 0, 0, -1, 1, 1])
    predicted = rows([1, 1, 0, 2, 1, 0])
    predicted[2] = [0.98, 0.01, 0.01]  # one bin that is sure outvotes two that are less so
    predicted[:2] = [[0.4, 0.5, 0.1]] * 2
    score = score_classes(predicted, true, np.arange(6), BIN_S)
    assert score.windows.true.tolist() == [0, 1]
    assert score.windows.said.tolist() == [0, 0]  # the second is a tie: the first class
    assert score.bins.accuracy == pytest.approx(2 / 5)


def test_windows_end_at_another_label_at_none_and_at_a_gap_but_not_at_a_bin_that_is_missing():
    true = one_hot([0, 0, 1, -1, 1, 1, 1, 1])
    index = np.array([0, 1, 2, 3, 4, 6, 50, 51])
    score = score_classes(rows([0] * 8), true, index, BIN_S)
    assert score.windows.true.tolist() == [0, 1, 1, 1]


def test_the_last_fifth_has_the_windows_that_begin_in_it():
    classes = [0] * 5 + [-1] + [1] * 6 + [-1] * 4 + [2] * 4
    score = score_classes(rows(classes), one_hot(classes), np.arange(20), BIN_S)
    assert score.windows_last20.true.tolist() == [2]
    assert score.bins_last20.accuracy == 1.0
    classes = [0] * 14 + [1] * 4 + [2] * 2
    score = score_classes(rows(classes), one_hot(classes), np.arange(20), BIN_S)
    assert score.windows_last20.true.tolist() == [2]
    assert score.bins_last20.true.tolist() == [1, 1, 2, 2]


def test_the_transfer_rate_is_wolpaws():
    perfect = decided([0, 1, 2, 3] * 5, [0, 1, 2, 3] * 5, classes=4)
    assert transfer_rate(perfect, 2.0) == pytest.approx(2 * 20 / 2)
    nine_of_ten = decided([0] * 10, [0] * 9 + [1], classes=2)
    assert transfer_rate(nine_of_ten, 1.0) == pytest.approx(10 * 0.5310, abs=1e-3)
    assert transfer_rate(decided([0, 0], [1, 1], classes=2), 1.0) == 0.0
    assert math.isnan(transfer_rate(decided([], []), 1.0))


def test_nothing_that_is_labelled_is_nothing_scored():
    score = score_classes(rows([0, 1]), one_hot([-1, -1]), np.arange(2), BIN_S)
    assert math.isnan(score.bins.accuracy)
    assert math.isnan(score.itr_bits_per_min)
    empty = score_classes(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, np.int64), BIN_S)
    assert math.isnan(empty.windows_last20.accuracy)
