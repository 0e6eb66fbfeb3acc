# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
"""Recall@10 of the codes alone, by exhaustive scan, beside Faiss on the same data.

    bash bench/recall/run.sh FOLDER...     each holds base.*, query.* (fbin, u8bin, i8bin, f16bin or bf16bin) and gt.ibin

The metric is cosine where the rows have length 1, else l2.

A row a quantizer: ours, Faiss's nearest relative, and ours with the best 100 reranked exactly."""

import argparse
import json
import pathlib
import subprocess
import tempfile

import faiss
import numpy as np

K = 10
# A bfloat16, which numpy does not know, is the upper half of a float32.
FORMATS = {".fbin": np.float32, ".u8bin": np.uint8, ".i8bin": np.int8, ".f16bin": np.float16, ".bf16bin": np.uint16}


def vectors_file(folder, stem):
    for suffix in FORMATS:
        path = folder / f"{stem}{suffix}"
        if path.exists():
            return path
    raise SystemExit(f"{folder}: no {stem} with one of {' '.join(FORMATS)}")


def read_vectors(path):
    n, dim = np.fromfile(path, np.uint32, 2)
    values = np.fromfile(path, FORMATS[path.suffix], offset=8).reshape(n, dim)
    if path.suffix == ".bf16bin":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)


def read_truth(path):
    n, k = np.fromfile(path, np.uint32, 2)
    return np.fromfile(path, np.int32, offset=8).reshape(n, k)[:, :K]


def recall(found, truth):
    return sum(len(set(f) & set(t)) for f, t in zip(found[:, :K], truth)) / truth.size


def faiss_recall(name, base, queries, truth, cosine):
    metric = faiss.METRIC_INNER_PRODUCT if cosine else faiss.METRIC_L2
    dim = base.shape[1]
    if name == "sq8":
        index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, metric)
    elif name == "sq4":
        index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_4bit, metric)
    elif name.startswith("rabitq"):
        index = faiss.IndexRaBitQ(dim, metric, int(name[-1]))
        index.qb = 8
    else:
        return None
    index.train(base)
    index.add(base)
    return recall(index.search(queries, K)[1], truth)


def our_recalls(program, folder, name, cosine, work):
    base, queries = vectors_file(folder, "base"), vectors_file(folder, "query")
    index = work / f"{folder.name}.{name}.thimble"
    # The scan does not look at the graph, so the cheapest one will do.
    subprocess.run([program, "build", "--input", base, "--metric", "cosine" if cosine else "l2", "--quantizer", name,
                    "--m", "4", "--ef-construction", "8", "--threads", "2", "--output", index],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    answer = subprocess.run([program, "eval", "--index", index, "--vectors", base, "--queries", queries,
                             "--truth", folder / "gt.ibin", "--k", str(K), "--ef", "100", "--rerank", "0,100",
                             "--rerank-by", "fixed", "--repeat", "1", "--exhaustive", "--json"],
                            check=True, capture_output=True)
    runs = {run["rerank"]: run["recall"] for run in json.loads(answer.stdout)["runs"]}
    index.unlink()
    return runs[0], runs[100]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/thimble")
    parser.add_argument("--quantizers", default="sq8,sq4," + ",".join(f"rabitq{b}" for b in range(1, 9)))
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    print(f"{'set':20} {'quantizer':9} {'ours':>7} {'faiss':>7} {'differ':>7} {'+100':>7}")
    with tempfile.TemporaryDirectory() as work:
        for folder in arguments.folders:
            base, queries = (read_vectors(vectors_file(folder, stem)) for stem in ("base", "query"))
            cosine = bool(np.allclose(np.linalg.norm(base[:100], axis=1), 1, atol=0.01))
            truth = read_truth(folder / "gt.ibin")
            for name in arguments.quantizers.split(","):
                ours, reranked = our_recalls(arguments.program, folder, name, cosine, pathlib.Path(work))
                theirs = faiss_recall(name, base, queries, truth, cosine)
                beside = "" if theirs is None else f"{theirs:7.4f} {ours - theirs:+7.4f}"
                print(f"{folder.name:20} {name:9} {ours:7.4f} {beside:15} {reranked:7.4f}", flush=True)


main()
