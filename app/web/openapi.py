"""What the OpenAPI document says of the endpoints that read their bodies themselves."""

import json
from typing import Annotated, Any

from fastapi import FastAPI, Path

from app.web.errors import PROBLEM, problem_json

JSON, NDJSON = "application/json", "application/x-ndjson"
EXAMPLE_BODY: dict[str, Any] = {
    "as_of": "2026-11-22",
    "answers": {
        "country": "US",
        "age_years": 54,
        "sex": "female",
        "diagnosis": "aml",
        "disease_state": "relapsed",
        "qtcf_ms": 482,
        "hiv": None,
    },
}
EXAMPLE_NEXT: dict[str, Any] = {**EXAMPLE_BODY, "goal": "all_reasons"}
EXAMPLE_RESULT: dict[str, Any] = {
    "trial": {
        "nct_id": "NCT05086315",
        "status": "TERMINATED",
        "status_as_of": "2025-12-15",
        "source": "https://clinicaltrials.gov/study/NCT05086315",
    },
    "protocol": {"version": 1, "hash": "9f2c..."},
    "as_of": "2026-11-22",
    "consent_date": "2026-11-22",
    "first_dose_date": "2026-11-22",
    "verdict": "excluded",
    "summary": "Excluded: QTcF (E13).",
    "cohorts": [
        {
            "code": "adult-escalation",
            "title": "Adult escalation",
            "verdict": "excluded",
            "reasons": ["E13"],
            "open": ["I4b", "I5", "E1", "disease"],
            "admission": {
                "outcome": "pass",
                "reason": "Age at consent: 54 years (at least 18 years); Country of the site: United States; "
                "Diagnosis: Acute myeloid leukemia (AML).",
            },
        }
    ],
    "groups": {"disease": "unknown"},
    "criteria": [
        {
            "code": "E13",
            "kind": "exclusion",
            "title": "QTcF",
            "outcome": "fail",
            "reason": "QTcF: 482 ms (above 470 ms).",
            "facts": {"qtcf_ms": 482},
            "readings": [],
            "can_change": "repeat",
            "passes_from": None,
        }
    ],
    "missing": [
        {"fact": "weight_kg", "question": "How much does the participant weigh?", "criteria": ["I5"], "cohorts": []}
    ],
    "depends_on": ["X7"],
    "review": [],
    "queries": [],
}
_DATE = {"type": ["string", "null"], "format": "date", "pattern": "^(19|20|21)[0-9]{2}-"}
BODY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["answers"],
    "additionalProperties": False,
    "properties": {
        "answers": {
            "type": "object",
            "description": "A value per fact (the trial's description lists them); null is asked and not known",
        },
        "as_of": {**_DATE, "description": "the day of the evaluation; today by default"},
        "consent_date": {**_DATE, "description": "as_of by default"},
        "first_dose_date": {**_DATE, "description": "the later of as_of and consent_date by default"},
        "readings": {
            "type": ["object", "null"],
            "additionalProperties": {"type": "boolean"},
            "description": "readings set for this evaluation alone",
        },
    },
}
EVALUATE_SCHEMA: dict[str, Any] = {
    **BODY_SCHEMA,
    "properties": {
        **BODY_SCHEMA["properties"],
        "explain": {"type": ["boolean", "null"], "description": "true: say in changes what would change the verdict"},
    },
}
NEXT_SCHEMA: dict[str, Any] = {
    **BODY_SCHEMA,
    "properties": {
        **BODY_SCHEMA["properties"],
        "order": {
            "enum": ["section", "quickest", None],
            "description": "section (as null does): all questions of one section that are due, sections in the "
            "protocol's order; quickest: one question a step, the one most worth asking",
        },
        "goal": {"enum": ["verdict", "all_reasons", None], "description": "what the questions are asked for"},
    },
}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object that has these properties, and perhaps more in later versions."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _one_of(*values: str | None) -> dict[str, Any]:
    return {"enum": list(values)}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": ["number", "null"]}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_CODES = _list(_TEXT)
_DAY = {"type": "string", "format": "date"}
_VERDICT = _one_of("likely_eligible", "excluded", "undetermined")
_OUTCOME = _one_of("pass", "fail", "unknown", "not_applicable")
_CAN_CHANGE = _one_of("fixed", "repeat", "time", None)
_PROTOCOL = _object(version=_COUNT, hash=_TEXT)

_PASSES = {"type": ["string", "null"], "format": "date"}
_CHANGE: dict[str, Any] = {
    "fact": _TEXT,
    "kind": _one_of("missing", "repeat", "time", "age", "fixed", "reading"),
    "words": _TEXT,
    "example": {"type": "object"},
}
CHANGES_SCHEMA = _object(
    reasons=_list(_object(code=_TEXT, title=_TEXT, can_change=_CAN_CHANGE, passes_from=_PASSES, sentence=_TEXT)),
    passes_from=_PASSES,
    time={"type": ["string", "null"]},
    cohorts={"type": "object", "additionalProperties": _DAY},
    sets=_list(
        _object(
            verdict=_one_of("likely_eligible", "not_excluded", "excluded"),
            cohorts=_CODES,
            sentence=_TEXT,
            changes=_list(_object(**_CHANGE)),
        )
    ),
    risks=_list(_object(**_CHANGE, near={"type": "boolean"}, sentence=_TEXT)),
    holds_until=_PASSES,
)

RESULT_SCHEMA = _object(
    trial=_object(nct_id=_TEXT, status=_TEXT, status_as_of=_DAY, source=_TEXT),
    protocol=_PROTOCOL,
    as_of=_DAY,
    consent_date=_DAY,
    first_dose_date=_DAY,
    verdict=_VERDICT,
    summary=_TEXT,
    cohorts=_list(
        _object(
            code=_TEXT,
            title=_TEXT,
            verdict=_VERDICT,
            reasons=_CODES,
            open=_CODES,
            admission=_object(outcome=_OUTCOME, reason=_TEXT),
        )
    ),
    groups={"type": "object", "additionalProperties": _OUTCOME},
    criteria=_list(
        _object(
            code=_TEXT,
            kind=_one_of("inclusion", "exclusion", "review"),
            title=_TEXT,
            outcome=_OUTCOME,
            reason=_TEXT,
            facts={"type": "object"},
            readings=_CODES,
            can_change=_CAN_CHANGE,
            passes_from={"type": ["string", "null"], "format": "date"},
        )
    ),
    missing=_list(_object(fact=_TEXT, question=_TEXT, criteria=_CODES, cohorts=_CODES)),
    depends_on=_CODES,
    review=_CODES,
    queries=_list(_object(code=_TEXT, message=_TEXT, facts={"type": "object"})),
)
RESULT_SCHEMA["properties"]["exact"] = {
    **_object(verdict=_VERDICT, note={"type": ["string", "null"]}),
    "description": "only where explain is true, and in each step of an interview",
}
RESULT_SCHEMA["properties"]["changes"] = {**CHANGES_SCHEMA, "description": "only where explain is true"}
PROBLEM_SCHEMA = _object(
    type=_TEXT, title=_TEXT, status=_COUNT, detail=_TEXT, errors=_list(_object(fact=_TEXT, message=_TEXT))
)
_QUESTION = _object(
    fact=_TEXT,
    text=_TEXT,
    label=_TEXT,
    why=_TEXT,
    hint=_TEXT,
    type=_one_of("yes_no", "choice", "many", "integer", "number", "date"),
    unit={"type": ["string", "null"]},
    min=_NUMBER,
    max=_NUMBER,
    step=_NUMBER,
    options={"type": ["array", "null"], "items": _object(value=_TEXT, label=_TEXT, hint=_TEXT)},
    alternative={"type": ["string", "null"]},
    criteria=_CODES,
)
STEP_SCHEMA = _object(
    step={**_object(section=_TEXT, title=_TEXT, questions=_list(_QUESTION)), "type": ["object", "null"]},
    progress=_object(answered=_COUNT, at_least=_COUNT, at_most=_COUNT),
    evaluation=RESULT_SCHEMA,
)
EXAMPLE_QUESTION: dict[str, Any] = {
    "fact": "weight_kg",
    "text": "How much does the participant weigh?",
    "label": "Body weight",
    "why": "The trial asks for a body weight of 10 kg or more.",
    "hint": "In kilograms, as last measured.",
    "type": "number",
    "unit": "kg",
    "min": 0.5,
    "max": 400,
    "step": None,
    "options": None,
    "alternative": None,
    "criteria": ["I5"],
}
EXAMPLE_STEP: dict[str, Any] = {
    "step": {"section": "participant", "title": "The participant", "questions": [EXAMPLE_QUESTION]},
    "progress": {"answered": 7, "at_least": 1, "at_most": 25},
    "evaluation": EXAMPLE_RESULT,
}
_LISTED = ("sections", "questions", "terms", "readings", "groups", "criteria", "cohorts", "edit_checks")
TRIAL_SCHEMA = _object(
    nct_id=_TEXT,
    trial={"type": "object"},
    protocol=_PROTOCOL,
    versions=_list(_object(version=_COUNT, hash=_TEXT, status=_TEXT, published_at=_TEXT)),
    **{name: _list({"type": "object"}) for name in _LISTED},
)
EXAMPLE_TRIAL: dict[str, Any] = {
    "nct_id": "NCT05086315",
    "trial": EXAMPLE_RESULT["trial"],
    "protocol": EXAMPLE_RESULT["protocol"],
    "versions": [{"version": 1, "hash": "9f2c...", "status": "published", "published_at": "2026-11-22T12:00:00+00:00"}],
    "sections": [{"key": "participant", "title": "The participant"}],
    "questions": [
        {
            **EXAMPLE_QUESTION,
            "section": "participant",
            "can_change": "repeat",
            "asking": {
                "decides": 0.044,
                "burden": 1,
                "source": "decides: share of a synthetic population; burden: judgement",
                "likely": [],
            },
            "calculator": None,
        }
    ],
    "terms": [],
    "readings": [],
    "groups": [],
    "criteria": [],
    "cohorts": [],
    "edit_checks": [],
}
EXAMPLE_HEALTH: dict[str, Any] = {"status": "ok"}
EXAMPLE_READY: dict[str, Any] = {"status": "ready", "protocol": EXAMPLE_RESULT["protocol"]}

NctId = Annotated[str, Path(description="The trial's registry number", examples=["NCT05086315"])]
Responses = dict[int | str, dict[str, Any]]


def problem(status: int, description: str, *faults: tuple[str, str]) -> dict[str, Any]:
    """A documented problem, with an example."""
    example = json.loads(problem_json(status, f"{description}.", faults))
    return {"description": description, "content": {PROBLEM: {"schema": PROBLEM_SCHEMA, "example": example}}}


def answer(description: str, example: object, schema: dict[str, Any], media_type: str = JSON) -> Responses:
    """A documented 200."""
    return {200: {"description": description, "content": {media_type: {"schema": schema, "example": example}}}}


def _body(media_type: str, schema: dict[str, Any], example: object) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema, "example": example}}}}


READING: Responses = {
    404: problem(404, "There is no such trial"),
    503: problem(503, "The database is not available"),
    "default": problem(500, "Any other fault has this form as well"),
}
POSTING: Responses = {
    **READING,
    408: problem(408, "The body did not arrive in time"),
    413: problem(413, "The body is over the limit"),
    415: problem(415, "The content type is not accepted"),
    422: problem(
        422,
        "The input cannot be accepted: one error per fault, all at once",
        ("weight_kg", "must be a number from 0.5 to 400 (kg)"),
    ),
}
EVALUATE = _body(JSON, EVALUATE_SCHEMA, EXAMPLE_BODY)
EVALUATED = answer("The evaluation", EXAMPLE_RESULT, RESULT_SCHEMA) | POSTING
BATCH = _body(NDJSON, _TEXT, '{"answers": {"age_years": 54}}\n{"answers": {"age_years": -1}}\n')
BATCHED = answer(
    "A result or a problem per line",
    f"{json.dumps(EXAMPLE_RESULT)}\n{json.dumps(POSTING[422]['content'][PROBLEM]['example'])}\n",
    _TEXT,
    NDJSON,
)
BATCHED |= POSTING
NEXT = _body(JSON, NEXT_SCHEMA, EXAMPLE_NEXT)
NEXTED = answer("The next step; null where the interview is over", EXAMPLE_STEP, STEP_SCHEMA) | POSTING
DESCRIBED = answer("The trial", EXAMPLE_TRIAL, TRIAL_SCHEMA) | READING
HEALTHY = answer("The process answers", EXAMPLE_HEALTH, _object(status=_TEXT))
READY = answer("Ready", EXAMPLE_READY, _object(status=_TEXT, protocol=_PROTOCOL))
READY |= {503: problem(503, "The database or the protocol is missing")}


class Documented(FastAPI):
    """FastAPI, with nulls in the examples of its document: it leaves out every null that it finds."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        plain = super().openapi()
        for operation in (operation for path in plain["paths"].values() for operation in path.values()):
            for part in [operation.get("requestBody", {}), *operation["responses"].values()]:
                for content in part.get("content", {}).values():
                    content["example"] = _WITH_NULLS.get(json.dumps(content["example"]), content["example"])
        return plain


def _without_nulls(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _without_nulls(value) for key, value in plain.items() if value is not None}
    return [_without_nulls(item) for item in plain] if isinstance(plain, list) else plain


_WITH_NULLS: dict[str, Any] = {
    json.dumps(_without_nulls(example)): example
    for example in (EXAMPLE_BODY, EXAMPLE_NEXT, EXAMPLE_RESULT, EXAMPLE_STEP, EXAMPLE_TRIAL)
}
