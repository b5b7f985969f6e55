"""Presidio over one CSV, patterns only: every cell of the first rows through its batch analyzer.

Its name recognition needs a model from a hub and would only make it slower, so it is left out in
Presidio's favour.
"""

import csv
import json
import sys
import time
from importlib.metadata import version

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine


class BlankEngine(NlpEngine):
    """A tokenizer and nothing else."""

    def __init__(self) -> None:
        self.nlp = {"en": spacy.blank("en")}

    def load(self) -> None: ...

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text, language):
        doc = self.nlp[language](text)
        return NlpArtifacts(
            [], doc, [t.idx for t in doc], [t.lower_ for t in doc], self, language, []
        )

    def process_batch(self, texts, language, **_):
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word, language):
        return self.nlp[language].vocab[word].is_stop

    def is_punct(self, word, language):
        return self.nlp[language].vocab[word].is_punct

    def get_supported_entities(self):
        return []

    def get_supported_languages(self):
        return ["en"]


path, rows = sys.argv[1], int(sys.argv[2])
with open(path, encoding="utf-8", newline="") as stream:
    reader = csv.reader(stream)
    head = next(reader)
    table = [row for _, row in zip(range(rows), reader, strict=False)]
size = sum(len(",".join(row).encode()) + 1 for row in table)
columns = {name: [row[i] for row in table] for i, name in enumerate(head)}

# Its mail recogniser would fetch a suffix list; use the one that comes with the package.
tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
tldextract.extract = tldextract.tldextract.TLD_EXTRACTOR

registry = RecognizerRegistry()
registry.load_predefined_recognizers(languages=["en"])
registry.recognizers = [r for r in registry.recognizers if "Spacy" not in type(r).__name__]
engine = BatchAnalyzerEngine(AnalyzerEngine(registry=registry, nlp_engine=BlankEngine()))
started = time.perf_counter()
found = sum(
    len(cell) for column in engine.analyze_dict(columns, "en") for cell in column.recognizer_results
)
spent = time.perf_counter() - started
print(
    json.dumps(
        {
            "bytes": size,
            "rows": len(table),
            "seconds": spent,
            "found": found,
            "version": version("presidio-analyzer"),
        }
    )
)
