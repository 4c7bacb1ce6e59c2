"""Whether a review too short to detect (`und`) holds words of a language that was not learned.

Two words are too few for a detector, and enough for a person: nobody takes `Muy bueno` for English.
The lists are made by hand, of what customers write when they write little. A word is left out where
English reviews hold it too, in that spelling, as a word, a name or slang: `die`, `gut`, `no`,
`super`, `bon`, `la`. So most short reviews hold none of them, and their language stays open.
"""

import re
import unicodedata
from collections.abc import Collection
from functools import cache

from reviews.language.english import ENGLISH
from reviews.language.prediction import UNDETERMINED
from reviews.language.scripts import LANGUAGES, UNCODED, foreign_script

WORDS = {
    "es": """
        ajusta articulo artículo aunque barata barato bastante basura bateria batería bien bonita
        bonitas bonito bonitos buen buena buenas buenisimo bueno buenos buenísima buenísimo calidad
        cargador celular comoda comodo compra comprada comprado comprar compren compré confiable
        contenta contento correcta correcto creo cuando cuidado cumple cumplio cumplió cámara
        cómoda cómodo danado dañada dañado decepcion decepcionada decepcionado decepcionante
        decepción defectuosa defectuoso demasiado después devolucion devolución devolver devuelto
        dinero diseño divertido duradero eficiente ella ellos encaja encajan encanta encantada
        encantado encantan encantó engaño entrega envio envío equipo esas ese esos espectacular
        esperaba esperada esperado esperamos esposo estaba estafa estan estoy estrellas estupendo
        está están excelente excelentes experiencia facil fallo feliz feo funciona funcional
        funcionamiento funcionan funcionando funciono funcionó funda fácil genial gracias grandes
        gusta gustan gustó hace hacen hermosa hermoso hija hijo igual increible increíble libro
        lindo lindos llegado llegaron llego llegó llevo mala malisimo malo malos malísimo
        maravillosa maravilloso mejor muy más ninguna ningún nueva nuevo nunca pantalla parece
        pedido pedí pensaba peor pequeno pequeña pequeño perfecta perfectamente perfectas perfecto
        perfectos pero pesima pesimo porque porqueria porquería practico precio preciosa precioso
        producto productos práctica práctico puedo pésima pésimo queda quedan queria quería quiero
        qué rapida rapidez rapido recomendable recomendada recomendado recomendadísimo recomiendo
        regalo relación resistente rompio rompió rápida rápido satisfecha satisfecho según siempre
        sirve sirven sirvio sirvió sonido talla tamaño tambien también tardo tardó telefono
        teléfono tengo tiempo tiene tienen todavía una unas unos util vendedor verdad viene vienen
        útil
        """,
    "pt": """
        adorei ainda ajudou amei atendeu barato benefício boa bom bonita bonitas bonito bons
        carregador celular chegou compra comprar comprei decepcionada decepcionado defeito depois
        dinheiro embalagem entrega esperado esperava está estão excelente excelentes excelência
        expectativas funciona funcionam funcionou fácil gostamos gostei gostoso horrível isso
        lindas lindo lindos lixo maravilhosa maravilhoso melhor meu meus minha minhas muita muitas
        muito muitos nao nunca não obrigada obrigado otima otimo pequeno perfeita perfeito
        perfeitos pessima pessimo pior preco preço produto produtos prática prático péssima péssimo
        qualidade quebrado quebrou rapidez rapido recomendada recomendado recomendo resistente ruim
        rápida rápido satisfeita satisfeito sempre são tamanho tambem também tudo valeu veio você é
        ótima ótimo ótimos útil
        """,
    "fr": """
        abimé abîmé achat acheter acheté agréable après arnaque arrivé arrivée assez aucun aucune
        avec beaucoup beaux bien bof bonheur bonne bonnes bons c'est cadeau cassee cassé cassée
        cassés cela cette chere chère colis commandé conforme conformes coque d'un d'une decevant
        decu decue dommage déception décevant déconseille défectueuse défectueux déjà déçu déçue
        déçus efficace efficaces envoi expédition facile facilement fidèle fonctionne fonctionnent
        génial géniale inutile j'adore j'ai j'aime j'avais j'utilise jamais joli jolie jolis l'ai
        l'article lisible livraison livré léger légère magnifique magnifiques malheureusement
        manque matériel mauvais mauvaise mauvaises meilleur meilleure merci moins n'ai n'est nul
        nulle parfait parfaite parfaitement parfaites parfaits perdu personnelle petits pratique
        pratiquement pratiques première produit produits qu'il qualite qualité quotidienne rapide
        rapides rapidité ras ravi ravie recommande recu remboursement reçu rien robuste s'est
        satisfait satisfaite satisfaits silencieuse silencieux suis sympa totalement toujours
        toutes trop très utile utiles utilisation utilisé vendeur vendeuse vraiment ça épais
        étanche étoiles
        """,
    "it": """
        acquistato acquisto anche arrivata arrivato bellissima bellissime bellissimi bellissimo
        bravi brutta buona buone buoni buonissimo buono comoda comodissimo comodo comprato comunque
        confezione conforme consegna consigliata consigliatissimo consigliato consiglio corrisponde
        davvero degli della delle deludente delusa delusione delusissimo deluso descrizione
        difettoso eccellente eccezionale economico facilissimo fantastica fantastico funziona
        funzionamento funzionano funzionante grazie imballaggio inutile leggera leggero misura
        montaggio nella niente nulla ottima ottimamente ottime ottimi ottimo peccato perfetta
        perfettamente perfetti perfetto pessima pessimi pessimo piacciono piace piaciuto piccola
        piccoli più pratica praticissimo pratico prodotti prodotto puntuale qualita qualità questa
        questo regalo resistente robusto scadente scarsa scarso sconsiglio sempre soddisfacente
        soddisfatta soddisfatti soddisfatto soldi spedizione splendido stupenda stupendo troppo
        utile utilissima utilissimo veloce velocissima velocissimo venditore è
        """,
    "de": """
        aber alles angekommen angenehm angenehme angenehmer artikel auch ausgezeichnet beim bequem
        beschreibung bestellt bestens billige bisher brauchbar danke defekte deutsch deutsche diese
        dieser dieses eigentlich eine einem einen einfach einwandfrei empfehle empfehlen
        empfehlenswert empfehlung enttaeuscht enttäuschend enttäuscht enttäuschung erfüllt erwartet
        erwartungen etwas farbe fehlende fehlt funktionieren funktioniert funktioniert's für
        gefaellt gefällt gekauft geliefert gerne gerät geräte geschenk groesse groß größe gute
        guter gutes günstig günstige habe haben haelt haltbar hatte hervorragend hochwertig
        hochwertige hält hülle ich immer jederzeit jetzt kaputt kaputtgegangen kaufempfehlung kein
        keine keinen langlebig lecker leicht leider leistung lieferung macht meine meiner müll
        nachdem naja nicht nur nützlich optisch passen passend passgenau passt perfekt perfekte
        perfekter perfektes praktisch preis preisleistung preiswert produkt qualitaet qualität
        reklamation rücksendung schade schlecht schlechte schlechter schlechtes schnell schnelle
        schneller schoen schon schrott schön schöne schöner schönes sehr sich sieht sind spannend
        spannende sterne tolle toller tolles trotz unbrauchbar unterhaltung unterwegs verarbeitung
        verarbeitungsqualität versand viel vielen wenn wertig wieder wir wirklich wunderbar wurde
        würde zufrieden zum zurück zurückgeschickt zuverlässig zweck
        """,
    "nl": """
        aankoop aanrader bedankt bestelling duidelijk eigenlijk fijn fijne geen geleverd geweldig
        geweldige gewoon goed goede goedkoop handig handige helaas jammer kapot kwaliteit lekker
        leuk leuke levering makkelijk mijn mooi mooie mooier netjes niet perfecte prachtig precies
        prijs slecht slechte snel snelle teleurgesteld teleurstellend tevreden uitstekend
        verwachting verzending voldoet waardeloos werkt zeer zoals
        """,
    "sv": """
        besviken billigt bäst daligt dålig dåliga dåligt fungerar för jättebra jättefin leverans
        mycket nöjd perfekt produkten rekommenderas snabb snabbt snygg snyggt trasig utmärkt
        utmärkta är
        """,
    "da": """
        anbefales dårlig dårligt elendig flot fremragende fungerer hurtig ikke levering meget
        perfekt skuffende skuffet tilfreds virker
        """,
    "no": """
        anbefales dårlig elendig fint fornøyd fungerer ikke levering perfekt rask skuffet utmerket
        veldig
        """,
    "fi": """
        erinomainen erittäin huono hyvin hyvä kaunis kiitos laatu loistava mukava nopea olen paras
        toimii toimitus toimiva tuote tyytyväinen
        """,
    "pl": """
        bardzo dobra dobry dobrze doskonały dziala działa dziekuje dziękuję jakość kiepski
        najlepszy niestety opisem polecam produkt rewelacja rewelacyjny slaby szybko słaba słaby
        wszystko wysyłka zgodny zły ładna ładny świetna świetne świetnie świetny
        """,
    "cs": """
        dobrá dobrý dobře dodání doporučuji děkuji funguje krásný nefunguje produkt pěkné pěkný
        rychlé skvělá skvělé skvělý spokojen spokojenost spokojená velmi výborná výborný výborně
        vše špatná špatný
        """,
    "ro": """
        bună calitate excelentă foarte frumos functioneaza funcționează livrare multumesc multumit
        mulțumesc mulțumit preț produs produsul prost slabă
        """,
    "tr": """
        başarılı begendim berbat beğendim degil değil ederim guzel güzel harika hizli hızlı kalite
        kaliteli kotu kötü memnun mukemmel mükemmel tavsiye tesekkurler teşekkürler urun çok ürün
        """,
    "id": """
        bagus barang cepat harga jelek kasih kecewa kualitas mantap pengiriman produknya sangat
        sesuai terima tidak
        """,
    "tl": """
        maganda magandang naman pangit salamat siya sobrang
        """,
    "vi": """
        chất cảm giao hàng không lượng nhanh phẩm rất sản tốt được đẹp ơn
        """,
    "hi": """
        accha acha achha badhiya badiya bahut bakwas bekar kharab nahi
        """,
}
LETTERS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
MIN_WORD_LETTERS = 2  # of another script: one is often a sign, as in `8 Ω`


def is_learned(language: str, sample: str, learned: Collection[str]) -> bool:
    """Whether a review is in a language that was learned, or too short to tell.

    sample: see `clean.join_sample`. One that is too short is of another language where it holds
    known words, and none of a language that was learned.
    """
    if language != UNDETERMINED:
        return language in learned
    found = languages_of(sample)
    return not found or not found.isdisjoint(learned)


def languages_of(sample: str) -> set[str]:
    """The languages of which a sample holds a known word; empty where it holds none."""
    known = _languages()
    found: set[str] = set()
    for word in LETTERS.findall(
        unicodedata.normalize("NFC", sample).lower().replace("\u2019", "'")
    ):
        if word in known:
            found |= known[word]
        elif script := foreign_script(word, MIN_WORD_LETTERS):
            found.update(LANGUAGES.get(script, UNCODED).split())
    return found


@cache
def _languages() -> dict[str, set[str]]:
    """From each word to the languages that have it."""
    found = {word.strip(".,!"): {"en"} for word in ENGLISH}
    for code, words in WORDS.items():
        for word in words.split():
            found.setdefault(word, set()).add(code)
    return found
