"""What well-known fields, values and events are called.

Paths are those of the XDM field groups. A field that is in no table is called by the words of its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from muster.pql.english.places import country_name, language_name
from muster.pql.english.words import Noun, name_words, noun, quoted, value_word

PEOPLE = Noun("person", "people")
EVENT = Noun("event", "events")
TIMESTAMP = ("timestamp",)
EVENT_TYPE = ("eventType",)
BIRTH_DATE = ("person", "birthDate")
BIRTH_YEAR = ("person", "birthYear")
GENDER = ("person", "gender")
ORDER_TOTAL = ("commerce", "order", "priceTotal")

GENDERS: Mapping[str, Noun] = {"female": Noun("woman", "women"), "male": Noun("man", "men")}

ARRAYS = frozenset(("xEvent", "productListItems", "identityMap.*"))
"""Paths that are arrays whatever the schema says, or without one; a star is any key."""

_FIELDS = {
    "person.name": "name",
    "person.name.firstName": "first name",
    "person.name.lastName": "last name",
    "person.name.fullName": "full name",
    "person.birthDate": "date of birth",
    "person.birthYear": "year of birth",
    "person.birthDayAndMonth": "day and month of birth",
    "person.gender": "gender",
    "person.maritalStatus": "marital status",
    "person.nationality": "nationality",
    "homeAddress": "home address",
    "homeAddress.countryCode": "home country",
    "homeAddress.stateProvince": "home state or province",
    "workAddress": "work address",
    "workAddress.countryCode": "work country",
    "workAddress.stateProvince": "work state or province",
    "personalEmail": "personal e-mail",
    "personalEmail.address": "e-mail address",
    "workEmail": "work e-mail",
    "workEmail.address": "work e-mail address",
    "mobilePhone": "mobile phone",
    "mobilePhone.number": "mobile number",
    "homePhone.number": "home phone number",
    "preferredLanguage": "preferred language",
    "loyalty": "loyalty account",
    "loyalty.joinDate": "loyalty join date",
    "loyalty.upgradeDate": "loyalty upgrade date",
    "consents": "consents",
    "consents.collect.val": "consent to data collection",
    "consents.share.val": "consent to data sharing",
    "consents.personalize.content.val": "consent to personalised content",
    "consents.marketing": "marketing consents",
    "consents.marketing.any.val": "consent to any marketing",
    "consents.marketing.preferred": "preferred marketing channel",
    "identityMap": "identity map",
    "segmentMembership": "audience memberships",
    "eventType": "type",
    "timestamp": "time",
    "commerce.order.priceTotal": "order total",
    "commerce.order.currencyCode": "order currency",
    "commerce.order.purchaseID": "purchase ID",
    "commerce.purchases.value": "number of purchases",
    "productListItems.priceTotal": "price",
    "web.webPageDetails.name": "page name",
    "web.webPageDetails.URL": "page address",
    "web.webPageDetails.isErrorPage": "error page",
    "web.webPageDetails.isHomePage": "home page",
    "web.webPageDetails.siteSection": "site section",
    "web.webReferrer.URL": "referring address",
    "priceTotal": "price",
}
_PREFIXES = {
    "person.name": "",
    "person": "",
    "homeAddress": "home",
    "workAddress": "work",
    "billingAddress": "billing",
    "shippingAddress": "shipping",
    "commerce.order": "order",
    "web.webPageDetails": "page",
    "placeContext.geo": "place",
    "marketing": "",
}
CHANNELS: Mapping[str, str] = {
    "email": "e-mail",
    "sms": "SMS",
    "push": "push",
    "call": "phone",
    "postalMail": "postal",
    "whatsApp": "WhatsApp",
    "fax": "fax",
    "any": "any",
}
COLLECTIONS: Mapping[str, Noun] = {
    "xEvent": EVENT,
    "productListItems": Noun("product", "products"),
}
_EVENT_TYPES: Mapping[str, str] = {
    "commerce.purchases": "purchase",
    "commerce.productViews": "product view",
    "commerce.productListViews": "cart view",
    "commerce.productListOpens": "newly opened cart",
    "commerce.productListReopens": "reopened cart",
    "commerce.checkouts": "checkout",
    "commerce.saveForLaters": "product saved for later",
    "web.webpagedetails.pageViews": "page view",
    "web.webinteraction.linkClicks": "link click",
    "web.formFilledOut": "form submission",
    "application.launch": "app launch",
    "application.close": "app closing",
    "advertising.impressions": "ad impression",
    "advertising.clicks": "ad click",
    "advertising.conversions": "ad conversion",
    "directMarketing.emailSent": "sent e-mail",
    "directMarketing.emailDelivered": "delivered e-mail",
    "directMarketing.emailOpened": "opened e-mail",
    "directMarketing.emailClicked": "clicked e-mail",
    "directMarketing.emailBounced": "bounced e-mail",
    "directMarketing.emailUnsubscribed": "e-mail unsubscription",
    "pushTracking.applicationOpened": "app opening from a push message",
    "media.sessionStart": "media session start",
    "media.sessionComplete": "completed media session",
    "decisioning.propositionDisplay": "displayed offer",
    "decisioning.propositionInteract": "offer interaction",
    "leadOperation.newLead": "new lead",
}
_EVENT_TYPES_IRREGULAR: Mapping[str, Noun] = {
    "commerce.productListAdds": Noun("addition to the cart", "additions to the cart"),
    "commerce.productListRemovals": Noun("removal from the cart", "removals from the cart"),
    "commerce.saveForLaters": Noun("product saved for later", "products saved for later"),
    "pushTracking.applicationOpened": Noun(
        "app opening from a push message", "app openings from a push message"
    ),
}
_CONSENT_VALUES = {
    "y": "yes",
    "n": "no",
    "p": "pending",
    "u": "not given",
    "dy": "yes by default",
    "dn": "no by default",
}
_GENDER_VALUES = {"not_specified": "not specified", "non_specific": "non-specific"}
_MONTHS = "January February March April May June July August September October November December"
MONTHS = tuple(_MONTHS.split())


class Place(NamedTuple):
    """How one says that somebody is somewhere: `live in`, and behind a noun `in`."""

    verb: str
    behind: str


_HOME, _WORK = Place("live in", "in"), Place("work in", "working in")
PLACES: Mapping[tuple[str, ...], Place] = {
    (address, field): place
    for address, place in (("homeAddress", _HOME), ("workAddress", _WORK))
    for field in ("countryCode", "country", "city", "stateProvince")
}


def event_noun(event_type: str) -> Noun:
    """What an event of a type is called: `purchase`, or the words of the type and `event`."""
    if event_type in _EVENT_TYPES_IRREGULAR:
        return _EVENT_TYPES_IRREGULAR[event_type]
    if event_type in _EVENT_TYPES:
        return noun(_EVENT_TYPES[event_type])
    parts = event_type.split(".")
    if not all(part.replace("_", "a").isalnum() for part in parts):
        return noun(f"{quoted(event_type)} event")
    words = " ".join(name_words(part) for part in parts)
    return noun(words if words.endswith(" event") else f"{words} event")


def field_words(path: tuple[str, ...]) -> str:
    """What a field is called, without whose it is."""
    dotted = ".".join(path)
    if dotted in _FIELDS:
        return _FIELDS[dotted]
    special = _consent(path) or _membership(path)
    if special:
        return special
    for length in range(len(path) - 1, 0, -1):
        prefix = ".".join(path[:length])
        if prefix in _PREFIXES:
            rest = " ".join(name_words(name) for name in path[length:])
            return f"{_PREFIXES[prefix]} {rest}".strip()
    return " ".join(name_words(name) for name in path)


def _consent(path: tuple[str, ...]) -> str | None:
    if path[:2] != ("consents", "marketing") or len(path) < 3:
        return None
    about = f"consent to {channel_words(path[2])} marketing"
    match path[3:]:
        case () | ("val",):
            return about
        case rest:
            return f"{' '.join(name_words(name) for name in rest)} of the {about}"


def channel_words(channel: str) -> str:
    return CHANNELS.get(channel) or name_words(channel)


def _membership(path: tuple[str, ...]) -> str | None:
    if path[:1] != ("segmentMembership",) or len(path) < 3:
        return None
    audience = f"the audience {value_word(path[2])} of {value_word(path[1])}"
    match path[3:]:
        case ():
            return f"membership of {audience}"
        case rest:
            return f"{' '.join(name_words(name) for name in rest)} in {audience}"


def collection_noun(path: tuple[str, ...], words: str, singular: Callable[[str], str]) -> Noun:
    """What the elements of an array are called."""
    dotted = ".".join(path)
    if dotted in COLLECTIONS:
        return COLLECTIONS[dotted]
    if len(path) == 2 and path[0] == "identityMap":
        namespace = "e-mail" if path[1].lower() == "email" else value_word(path[1])
        return Noun(f"{namespace} identity", f"{namespace} identities")
    one = singular(words)
    return Noun(one, words) if not one.endswith(" entry") else noun(one)


def month_name(number: str) -> str | None:
    """The name of a month by its number, or None."""
    return MONTHS[int(number) - 1] if number.isdecimal() and 1 <= int(number) <= 12 else None


def _consent_value(text: str) -> str | None:
    return _CONSENT_VALUES.get(text)


def _event_type(text: str) -> str | None:
    return event_noun(text).one if text in _EVENT_TYPES or text in _EVENT_TYPES_IRREGULAR else None


def value_names(path: tuple[str, ...]) -> Callable[[str], str | None]:
    """How the values of a field are called; None for those that are called as they are written."""
    if path[-1:] in (("countryCode",), ("country",)):
        return country_name
    if path == ("preferredLanguage",):
        return language_name
    if path[:1] == ("consents",) and path[-1:] == ("val",):
        return _consent_value
    if path == EVENT_TYPE:
        return _event_type
    if path == GENDER:
        return _GENDER_VALUES.get
    return lambda text: None
