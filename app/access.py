"""Who may do what. A role is a set of permissions; a grant gives an account a role at a site, or everywhere.

Nothing here knows HTTP or the database. Programs have keys with scopes, which are permissions too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Permission = Literal[
    "screening:read",
    "screening:write",
    "screening:confirm",
    "screening:export",
    "audit:read",
    "protocol:draft",
    "account:manage",
    "key:manage",
]
Role = Literal["coordinator", "physician", "author", "administrator", "auditor"]

ROLES: Final[Mapping[Role, frozenset[Permission]]] = {
    "coordinator": frozenset({"screening:read", "screening:write", "screening:export"}),
    "physician": frozenset({"screening:read", "screening:write", "screening:export", "screening:confirm"}),
    "author": frozenset({"protocol:draft"}),
    "administrator": frozenset({"account:manage", "key:manage"}),
    "auditor": frozenset({"audit:read"}),
}
SITE_ROLES: Final[frozenset[Role]] = frozenset({"coordinator", "physician"})
API_SCOPES: Final[tuple[Permission, ...]] = ("screening:read", "screening:write")

EVERYWHERE: Final = None
Sites = frozenset[int] | None  # the sites by id; EVERYWHERE is all of them


@dataclass(frozen=True)
class Principal:
    """Somebody, or some program, who was let in, and where each permission holds.

    `actor` is how events name them ("account 12", "key 3"). `account_id` is None for a program.
    """

    actor: str
    name: str
    permissions: Mapping[Permission, Sites]
    account_id: int | None = None

    def may(self, permission: Permission, site_id: int | None = None) -> bool:
        """Whether they may, at that site; without a site: anywhere at all."""
        if permission not in self.permissions:
            return False
        sites = self.permissions[permission]
        return sites is EVERYWHERE or (bool(sites) if site_id is None else site_id in sites)

    def sites(self, permission: Permission) -> Sites:
        """The sites where they may; none of them where they may not."""
        return self.permissions.get(permission, frozenset())


def permissions(grants: Iterable[tuple[Role, int | None]]) -> dict[Permission, Sites]:
    """Where each permission holds, by an account's grants: pairs of role and site (None: everywhere)."""
    found: dict[Permission, Sites] = {}
    for role, site_id in grants:
        for permission in ROLES[role]:
            held = found.get(permission, frozenset())
            found[permission] = EVERYWHERE if site_id is None or held is EVERYWHERE else held | {site_id}
    return found
