"""Writes test/data/rings/*.json: what the usual Python consistent-hash ring answers, computed here and not by ragctl.

    python3 scripts/ring_vectors.py test/data/rings

The ring is the one that applications copy from each other: a dict from position to node, filled in order (so that the later of two
colliding virtual nodes wins), a sorted list of positions, and bisect (strictly greater, wrapping). Replicas are the next distinct nodes.
"""
import bisect, hashlib, json, pathlib, random, sys


def md5_128(text):
    return int(hashlib.md5(text.encode("utf-8")).hexdigest(), 16)


def md5_32(text):
    return md5_128(text) % 2**32


def lookup(ring, positions, key_hash, replicas):
    start = bisect.bisect(positions, key_hash) % len(positions)
    owners = []
    for step in range(len(positions)):
        node = ring[positions[(start + step) % len(positions)]]
        if node not in owners:
            owners.append(node)
        if len(owners) == replicas:
            break
    return owners


def keys(rng):
    words = ["doc", "café", "日本語", "chunk", "a/b", "Ünï", "😀", "naïve", ""]
    for i in range(1000):
        kind = i % 4
        if kind == 0:
            yield f"doc_{rng.randrange(10**6)}_chunk_{rng.randrange(20)}"
        elif kind == 1:
            yield str(rng.randrange(2**53))
        elif kind == 2:
            yield f"{rng.getrandbits(128):032x}"
        else:
            yield f"{rng.choice(words)}:{rng.choice(words)}:{rng.randrange(10**4)}"


def main(folder):
    for name, function in (("md5-32", md5_32), ("md5-128", md5_128)):
        rng = random.Random(f"ragctl {name}")
        nodes = [f"vector-db-{i}.internal" for i in (1, 2, 3, 4, 5)]
        ring = {}
        for node in nodes:
            for i in range(150):
                ring[function(f"{node}:{i}")] = node
        positions = sorted(ring)
        pairs = [[key, lookup(ring, positions, function(key), 3)] for key in keys(rng)]
        document = {"hash": name, "nodes": nodes, "virtualNodes": 150, "replicas": 3, "pairs": pairs}
        path = pathlib.Path(folder) / f"{name}.json"
        path.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


main(sys.argv[1])
