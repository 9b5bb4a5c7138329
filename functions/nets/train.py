#!/usr/bin/env python3
"""Trains the nets of iris.c and wine.c and writes their weights as C headers, and rows to test them with.

    python3 -m venv VENV && VENV/bin/pip install numpy scikit-learn
    VENV/bin/python functions/nets/train.py

scikit-learn is there for the data only. A third of the rows is held back: on them the accuracy is measured that the headers state, and
they are the rows that are written. A net has one hidden layer of rectified units. It is trained in floating point, and then
its weights are rounded to bytes; `FixedNet.scores` is what the function in C computes, number for number.
"""

import pathlib

import numpy
from sklearn import datasets

HERE = pathlib.Path(__file__).parent
INPUT_ONE = 32  # a standard deviation of a measurement, as the first layer sees it
HIDDEN_ONE = 16  # a hidden value of 1.0


class FixedNet:
    """A net in whole numbers, of measurements in thousandths."""

    def __init__(self, net, mean, deviation):
        first, first_bias, second, second_bias = net
        first_one, second_one = byte_scale(first), byte_scale(second)
        self.mean = [round(value * 1000) for value in mean]
        self.scale = [round(2**24 * INPUT_ONE / (value * 1000)) for value in deviation]
        self.first = whole(first * first_one)
        self.first_bias = whole(first_bias * first_one * INPUT_ONE)
        self.shift = (first_one * INPUT_ONE // HIDDEN_ONE).bit_length() - 1
        self.second = whole(second * second_one)
        self.second_bias = whole(second_bias * second_one * HIDDEN_ONE)

    def scores(self, row):
        inputs = [clamp((x - m) * s >> 24, -127, 127) for x, m, s in zip(row, self.mean, self.scale)]
        hidden = [clamp(value >> self.shift, 0, 127) for value in layer(self.first, self.first_bias, inputs)]
        return layer(self.second, self.second_bias, hidden)


def layer(weights, bias, inputs):
    return [b + sum(w * x for w, x in zip(row, inputs)) for row, b in zip(weights, bias)]


def clamp(value, low, high):
    return max(low, min(high, value))


def whole(values):
    return numpy.rint(values).astype(int).tolist()


def byte_scale(weights):
    """The greatest power of two by which the weights still fit into bytes."""
    return 2 ** int(numpy.floor(numpy.log2(127 / numpy.abs(weights).max())))


def best_class(scores):
    return scores.index(max(scores))


def train(rows, classes, hidden, seed):
    """Gradient descent (Adam) on cross-entropy; returns the loss and the net."""
    random = numpy.random.default_rng(seed)
    net = [
        random.normal(0, 1 / numpy.sqrt(rows.shape[1]), (hidden, rows.shape[1])),
        numpy.full(hidden, 0.5),
        random.normal(0, 1 / numpy.sqrt(hidden), (3, hidden)),
        numpy.zeros(3),
    ]
    wanted = numpy.eye(3)[classes]
    means = [numpy.zeros_like(part) for part in net]
    squares = [numpy.zeros_like(part) for part in net]
    loss = 0.0
    for step in range(1, 1501):
        sums = rows @ net[0].T + net[1]
        values = numpy.maximum(sums, 0)
        odds = numpy.exp((scores := values @ net[2].T + net[3]) - scores.max(axis=1, keepdims=True))
        odds /= odds.sum(axis=1, keepdims=True)
        loss = -numpy.log((odds * wanted).sum(axis=1) + 1e-12).mean() + 1e-3 * sum((net[i] ** 2).sum() for i in (0, 2))
        back = (odds - wanted) / len(rows)
        through = (back @ net[2]) * (sums > 0)
        slopes = [through.T @ rows + 2e-3 * net[0], through.sum(axis=0), back.T @ values + 2e-3 * net[2], back.sum(axis=0)]
        for part, slope, mean, square in zip(net, slopes, means, squares):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            part -= 0.02 * (mean / (1 - 0.9**step)) / (numpy.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return loss, net


def line(row):
    return "    " + " ".join(f"{value}," for value in row)


def table(rows):
    return "\n".join(map(line, rows))


def header(name, net, shape, right, tested):
    inputs, hidden = shape
    return f"""// Weights of the net of {name}.c, {inputs}-{hidden}-3: made by train.py, not by hand. Of {tested} rows that it was not trained with
// it names {right} right.

enum {{ INPUTS = {inputs}, HIDDEN = {hidden}, CLASSES = 3, SHIFT = {net.shift} }};

// The mean of each measurement in thousandths, and what makes {INPUT_ONE} of a standard deviation: a factor, over 2^24.
static const __s32 mean[INPUTS] = {{
{line(net.mean)}
}};
static const __s32 scale[INPUTS] = {{
{line(net.scale)}
}};

// A row of weights for each hidden value, and for each class.
static const __s8 first[HIDDEN * INPUTS] = {{
{table(net.first)}
}};
static const __s32 first_bias[HIDDEN] = {{
{line(net.first_bias)}
}};
static const __s8 second[CLASSES * HIDDEN] = {{
{table(net.second)}
}};
static const __s32 second_bias[CLASSES] = {{
{line(net.second_bias)}
}};
"""


def make(name, data, hidden):
    rows, classes = data.data, data.target
    order = numpy.random.default_rng(7).permutation(len(rows))
    held_back = sorted(order[: len(rows) // 3])
    trained = sorted(order[len(rows) // 3 :])
    mean, deviation = rows[trained].mean(axis=0), rows[trained].std(axis=0)
    # Of a few starts the one whose loss on the rows of the training is the least.
    _, best = min((train((rows[trained] - mean) / deviation, classes[trained], hidden, seed) for seed in range(10)), key=lambda run: run[0])
    net = FixedNet(best, mean, deviation)
    lines, right = [], 0
    for index in held_back:
        row = [round(value * 1000) for value in rows[index]]
        scores = net.scores(row)
        right += best_class(scores) == classes[index]
        lines.append(" ".join(map(str, row)) + f" = {best_class(scores)} " + " ".join(map(str, scores)) + f" ({classes[index]})")
    (HERE / f"{name}.h").write_text(header(name, net, (rows.shape[1], hidden), right, len(held_back)))
    (HERE / f"{name}.rows").write_text(
        f"# Measurements in thousandths = class and scores of the fixed-point net (the true class). Made by train.py of the data set\n"
        f"# {data.title}.\n" + "\n".join(lines) + "\n"
    )
    print(f"{name}: {right} of {len(held_back)} right")


iris, wine = datasets.load_iris(), datasets.load_wine()
iris.title = "Iris (R. A. Fisher, 1936; UCI Machine Learning Repository, CC BY 4.0)"
wine.title = "Wine (M. Forina et al., 1991; UCI Machine Learning Repository, CC BY 4.0)"
make("iris", iris, 2)
make("wine", wine, 5)
