"""From what many programs, languages and encodings make of a reply come the writer's own words, all of them and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.reading.kinds import recognise
from service.core.reading.ours import Ours
from service.core.reading.parsing import parse
from service.core.reading.replies import cut
from service.core.vocabulary import InboundKind

SAMPLES = Path(__file__).parents[2] / "samples"
OURS = Ours(frozenset({"vie@passerelles.example"}), frozenset({"passerelles.example"}))
WORDS = "Bonjour, Est-il possible de venir à deux ? Ma voisine n’est pas encore sociétaire."
PROGRAMS = [
    "gmail_ca",
    "gmail_fr_fold3",
    "horde_fr",
    "infomaniak_iso",
    "bluemail_fr",
    "spark_fr",
    "claws_fr",
    "kmail_fr",
    "link_addr",
    "sogo_fr",
    "tutanota_fr",
    "horde_fr_b",
    "imp_reponse",
    "groupwise",
    "horde_block",
    "inotes",
    "yahoo_2012",
    "head_subject_first",
    "quoted_intro_below",
    "spaced_labels",
    "zimbra_new",
    "orange_new",
    "emclient_fr",
    "outlook_many_recipients",
    "outlook_de_la_part",
    "head_with_blank_lines",
    "outlook_marked",
    "below_outlook_marked",
    "gmail_android",
    "gmail_bottom_inside",
    "apple_mail_more",
    "ipad_below",
    "outlook_mac",
    "owa_signature",
    "outlook_ios",
    "outlook_table_head",
    "yahoo_android",
    "yahoo_iphone",
    "orange_new_x",
    "orange_2024",
    "zimbra_sig",
    "bluemail",
    "spark",
    "roundcube",
    "roundcube_bottom",
    "sogo",
    "horde",
    "infomaniak",
    "emclient",
    "zoho",
    "blockquote_bottom",
    "live_both",
]
# Other words: other languages and encodings, answers between quotes, and what a writer types that looks like a quote.
OTHERS = [
    ("apple_image", "Voici la photo : Est-ce le bon local ?"),
    ("list_footer", "Oui, je viens."),
    (
        "gmail_reaction",
        "👍 Odile Tamarin a réagi via Gmail <https://programme.example/gmail/about/?utm_source=gmail-in-product>",
    ),
    ("roundcube_inline", "Qui apporte le café ? Moi. Des questions ? Oui."),
    ("outlook_de", "Hallo, kann ich meine Nachbarin mitbringen? Sie ist noch kein Mitglied."),
    ("gmx", "Hallo, kann ich meine Nachbarin mitbringen? Sie ist noch kein Mitglied."),
    ("libero", "Buongiorno, posso portare la mia vicina? Non è ancora socia."),
    ("outlook_unknown_lang", "Tere, kas võin naabri kaasa võtta?"),
    ("gmail_hu", "Jó napot, elhozhatom a szomszédomat?"),
    ("gmail_ja", "こんにちは。隣の人と一緒に行ってもいいですか。"),
    ("flowed_delsp", "こんにちは。隣の人と一緒に行ってもいいですか。"),
    ("gmail_zh", "你好，我可以带邻居来吗？"),
    ("gmail_tr", "Merhaba, komşumu getirebilir miyim?"),
    ("outlook_tr", "Merhaba, komşumu getirebilir miyim?"),
    ("outlook_cs", "Dobrý den, mohu přijít se sousedkou?"),
    ("outlook_he", "שלום, אפשר להביא את השכנה שלי?"),
    (
        "flowed",
        "Je viendrai avec deux voisines qui ne sont pas encore sociétaires, si c’est possible. Et il y aura > 50 % de chances qu’il pleuve.",
    ),
    ("flowed_stuffed", "> 50 % des voix est-il exigé ? > 20 % de présents ? From now on, yes."),
    ("html_rtl", "שלום, אני באה. יש מעלית?"),
    ("arabic_rtl", "نعم، سأحضر مع جارتي. هل هناك مصعد؟"),
    (
        "own_citation",
        "Bonjour, Le 12 mars 2026 à 14 h, la mairie a écrit : « Le local ferme en juin. » Que répond la coopérative ?",
    ),
    (
        "own_power",
        "Pouvoir De : Odile Tamarin À : Léa Prunier Date : 20 mars 2026 Objet : vote à l’assemblée Merci de me confirmer la réception.",
    ),
    ("own_comparison", "Le quorum serait >50 % ? >= 50 % me paraît mieux."),
    ("own_marks", "Voici mes deux questions : > Le budget est-il voté ? > Le local est-il prolongé ?"),
    (
        "own_discretion",
        "Pourquoi la directrice est-elle partie ? Ces informations sont confidentielles, merci de ne pas les publier au compte-rendu.",
    ),
    (
        "own_form",
        "Nom : Tamarin Prénom : Odile Adresse : 12 quai des Tanneurs Date : 13/03/2026 À : Lyon Merci de m’inscrire.",
    ),
    (
        "own_error_text",
        "Erreur sur le site : From: 127.0.0.1 To: /inscription Date: 13/03/2026 10:12 Pouvez-vous regarder ?",
    ),
    ("own_box", "Bonjour, Note : ceci compte. Et le budget ?"),
    ("own_box_bold", "Mon avis Pour : le local Contre : le budget Et vous ?"),
    ("blank_of_a_form", "Mon nom : ______________"),
    ("own_indent", "Je propose : un local plus grand"),
    (
        "thunderbird_forward",
        "Pour info. -------- Message transféré -------- Sujet : Local Date : Fri, 13 Mar 2026 10:12:33 +0100 De : Mairie du Quai <mairie@quai.example> Pour : Odile Tamarin <odile.tamarin@membre.example> Le local ferme en juin.",
    ),
    ("horde_inline", "> Qui apporte le café ? Moi. > Des questions ? Non."),
    ("postscript_below_signature", "Oui, je viens. PS : qui apporte le café ?"),
]


@pytest.mark.parametrize(("sample", "words"), [*((program, WORDS) for program in PROGRAMS), *OTHERS])
def test_the_words_of_the_writer_come_out_of_each_shape(sample: str, words: str) -> None:
    message = parse((SAMPLES / f"reply_{sample}.eml").read_bytes())
    assert " ".join(cut(message.text, message.html).reply.split()) == words
    assert recognise(message, OURS).kind is InboundKind.QUESTION
