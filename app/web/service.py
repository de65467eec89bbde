"""Whether the service lives, and whether it can work: for supervisors and load balancers."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import PrescreenError
from app.rules.report import dumps
from app.web import openapi
from app.web.access import public
from app.web.deps import app_of
from app.web.errors import RETRY_SECONDS, problem

router = APIRouter(tags=["service"], dependencies=[public])


@router.get("/healthz", responses=openapi.HEALTHY)
async def healthz() -> dict[str, Any]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses=openapi.READY)
def readyz(request: Request) -> Response:
    """The database answers and holds the protocol in force."""
    app = app_of(request)
    try:
        published = app.library.current(app.nct_id)
    except PrescreenError:
        return problem(503, "The database or the protocol is missing.", headers={"Retry-After": str(RETRY_SECONDS)})
    content = dumps({"status": "ready", "protocol": {"version": published.version, "hash": published.hash}})
    return Response(content, media_type="application/json")
