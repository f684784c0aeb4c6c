"""A person's account in the stage's user pool. A stage with another identity provider has none: erase it there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.people.person import Person
from chalicelib.domain.people.stores import ACCOUNTS, Store
from infra.ops.find import Item as PlainItem


@dataclass(frozen=True)
class PersonsAccounts:
    """The account whose `sub` is the user's id, of a user pool of Cognito."""

    cognito: Any
    user_pool: str
    store: Store = ACCOUNTS

    def find(self, person: Person) -> Iterator[PlainItem]:
        for user in self._users(person):
            attributes = {one["Name"]: one["Value"] for one in user["Attributes"]}
            yield {"username": user["Username"], "status": user["UserStatus"], "attributes": attributes}

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        users = list(self._users(person))
        for user in users:
            self.cognito.admin_delete_user(UserPoolId=self.user_pool, Username=user["Username"])
        return len(users)

    def _users(self, person: Person) -> Iterator[Any]:
        """Reads the account whose `sub` is the person's id. Drops other accounts, which an emulator may give, too."""
        quoted = person.user_id.replace("\\", "\\\\").replace('"', '\\"')
        found = self.cognito.list_users(UserPoolId=self.user_pool, Filter=f'sub = "{quoted}"')["Users"]
        wanted = {"Name": "sub", "Value": person.user_id}
        return (user for user in found if wanted in user["Attributes"])
