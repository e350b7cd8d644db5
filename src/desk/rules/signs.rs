//! The lexicon of doubts, in nine languages: comma-separated phrases, folded; a word may end in `*`.

use super::doubt::Sign;

pub const SIGNS: [(Sign, &str); 19] = [
    (
        Sign::Not,
        "not, isnt, arent, wasnt, werent, never, no longer, no more, dont think, nicht, niet, nooit, n est pas, \
         no esta, no es, non e, nao esta, nao e, nie, nothing is, nothing was",
    ),
    (
        Sign::No,
        "no, nothing, without, neither, nor, zero, none, no sign of, nobody, no one, no such, kein, keine, keinen, \
         keiner, ohne, weder, geen, zonder, pas de, n y a pas, sans, aucune, aucun, no hay, ninguna, ningun, sin, \
         nessun, nessuna, senza, nao ha, nenhum, nenhuma, sem, brak, bez, zadnej, zadnego, zaden",
    ),
    (
        Sign::Over,
        "!are back to paper, !are back to pen, !are back to 1*, !are back to the stone, !pick it up again, \
         !picks up again, !pick up again, !picked up again, !picks it up again, !comes up again, !come up again, \
         is fine now, all fine now, fine again, is ok now, all ok now, ok again, all working now, is good now, \
         all good again, working since, fine since, has been working since, running since, stable since, no action, \
         came back at once, all came back, were back, was back, normal again, runs normally, run normally, back up, \
         no outage, not an outage, isnt an outage, is back, are back, came back, back online, back to normal, \
         back again, up again, up and running, works again, working again, work again, works now, working now, \
         works fine now, running again, running normally, resolved, has been fixed, is fixed, was fixed, got fixed, \
         fixed itself, all fixed, solved, all good now, all good, all is well, everything is fine, is over, \
         restored, recovered, no longer needed, false alarm, sorted itself, all clear, cleared up, lauft wieder, \
         laufen wieder, geht wieder, gehen wieder, funktioniert wieder, funktionieren wieder, wieder da, \
         wieder online, behoben, gelost, erledigt, wieder erreichbar, fehlalarm, werkt weer, werken weer, \
         doet het weer, doen het weer, weer online, opgelost, verholpen, hersteld, is voorbij, loos alarm, \
         fonctionne a nouveau, remarche, refonctionne, de nouveau accessible, est revenu, est revenue, sont revenus, \
         retabli*, resolu, resolue, est terminee, fausse alerte, tout est rentre dans l ordre, repare, reparti, \
         funciona de nuevo, funciona otra vez, vuelve a funcionar, ya funciona, ha vuelto, resuelto, resuelta, \
         solucionado, solucionada, restablecido, falsa alarma, funziona di nuovo, funzionano di nuovo, e tornato, \
         e tornata, risolto, risolta, ripristinato, falso allarme, funciona novamente, voltou, ja funciona, \
         resolvido, resolvida, restabelecid*, normalizado, znowu dziala, juz dziala, dziala ponownie, rozwiazan*, \
         naprawion*, wrocil*, przywrocon*, falszywy alarm",
    ),
    (
        Sign::After,
        "after, !only after, !after several, !after a few, !after two, !after three, !after many, !after some, \
         !after about, !after five, !after ten, !erst nach, !nach mehreren, !nach einigen, !pas na, !na een paar, \
         !apres plusieurs, !apres quelques, following, thanks to, because of the, nach, nach dem, nach der, na de, \
         na het, apres, tras, despues de, despues del, dopo, dopo il, apos, depois da, depois do, po, \
         since the outage, since the crash, since the disruption, since the failure, since the breakdown",
    ),
    (
        Sign::Leftover,
        "!standing still, !stands still, !stand still, !stood still, !still standing, !not only, still, only, just, \
         leftover, left over, left, last thing, one thing, remaining, remains, except, apart from, nur noch, \
         bis auf, ausser, nur, alleen, alleen nog, enkel, behalve, seul, seule, seulement, sauf, il ne reste, reste, \
         solo, salvo, apenas, tylko",
    ),
    (Sign::Since, "since, seit, sinds, depuis, desde, da quando, od kiedy, ever since"),
    (
        Sign::Turn,
        "but, now, however, again down, down again, jetzt, aber, nu, maar, mais, maintenant, pero, ahora, ma, ora, \
         adesso, mas, agora, ale, teraz",
    ),
    (
        Sign::Supposed,
        "!if you, asks how, asks why, asks what, asks when, asking how, asking why, wants to know, want to know, \
         would like to know, just so that you know, just so you know, for your information, nur zur info, ter info, \
         pour information, how often, how many times, wie oft, hoe vaak, combien de fois, hoe lang was, \
         !had it last, !worked last, !was fine last, !was ok last, !until last, !till last, !like last, !as of last, \
         why was, why were, why did, tell us why, warum war, warum waren, warum ist gestern, waarom was, \
         waarom waren, pourquoi, would be nice, would be great, would be good, would be handy, would be useful, \
         it would help, ware schon, ware toll, zou fijn, zou mooi, zou handig, serait bien, serait pratique, \
         !since mondays, !since tuesdays, !since wednesdays, !since thursdays, !since fridays, !since yesterdays, \
         !asking if, !wondering if, !ask if, !asks if, !chaque article, !un article, !les articles, !article number, \
         !jeder artikel, !an article at, !every article, !each article, !after the maintenance, !since maintenance, \
         asks whether, ask whether, whether we have, whether we are, protection against, protected against, \
         questionnaire, do we need to, do we have to, should we, must we, mussen wir, sollen wir, moeten we, \
         moeten wij, faut il, devons nous, wird gewartet, werden gewartet, abgeschaltet, wird abgestellt, eraf, \
         coupee le, coupure le, coupe le, sera coupe*, sera coupee, seront coupe*, will be off, am samstag, \
         am sonntag, zaterdag, zondag, samedi, dimanche, on saturday, on sunday, next saturday, next sunday, \
         this saturday, this sunday, this weekend, next weekend, next week, nachste woche, volgende week, \
         la semaine prochaine, tomorrow, morgen fruh, morgenvroeg, demain, !since saturday, !since sunday, \
         !on saturday and still, !seit samstag, !sinds zaterdag, !sinds zondag, !depuis samedi, !depuis dimanche, \
         !by tomorrow, !tomorrow morning we, !since last, !seit letzter, !seit letzte, !sinds vorige, \
         !sinds afgelopen, !depuis la semaine, if, !if somebody could, !if someone could, !if you could, \
         !if possible, !if you can, !as if, !if you need, !if not, !even if, !if anyone can, !if need be, \
         !if you want, !if you like, !if you would, !if that helps, !if there is anything, !see if, !looks as if, \
         !if i may, !if that one, !if it goes on, !if this continues, !if this goes, !what if, in january, \
         in february, in march, in april, in may, in june, in july, in august, in september, in october, \
         in november, in december, last summer, last winter, last spring, last autumn, last quarter, in case, \
         whenever one of, whenever there, whenever something, in the event, what happens, what would happen, \
         should the, suppose, hypothetical*, planned outage, planned outages, planned power, planned work, \
         planned works, planned maintenance, planned downtime, planned shutdown, planned interruption, \
         planned migration, planned update, planned upgrade, planned move, planned event, planned change, \
         planned changes, planned disruption, planned closure, planned for, planned by, planned on, is planned, \
         are planned, was planned, been planned, have planned, has planned, we planned, plan for, plans for, \
         plan is, plan to, plans to, plans a, scheduled, maintenance, will be, going to be, drill, exercise, \
         simulation, tabletop, training, !training room, !training centre, !training center, !training department, \
         !training video, !training laptop, !training laptops, !training pc, course, !of course, webinar, \
         workshop about, workshop on, a workshop for, article, blog, newsletter, headline, read about, read that, \
         read in, heard that, on the news, report about, for our report, for the report, for our records, \
         question about, questions about, a question regarding, how long was, how long were, how long did, \
         what was the cause, what caused, root cause, post mortem, postmortem, lessons learned, last week, \
         last weeks outage, last weeks failure, last weeks problem, last weeks problems, last weeks disruption, \
         last weeks crash, last weeks incident, last weeks breakdown, last weeks downtime, last weeks interruption, \
         last weeks power cut, last months outage, last months failure, last months problem, last months problems, \
         last months disruption, last months crash, last months incident, last months breakdown, \
         last months downtime, last months interruption, last months power cut, last weekend, last weekends outage, \
         last weekends failure, last weekends problem, last weekends problems, last weekends disruption, \
         last weekends crash, last weekends incident, last weekends breakdown, last weekends downtime, \
         last weekends interruption, last weekends power cut, last nights outage, last nights failure, \
         last nights problem, last nights problems, last nights disruption, last nights crash, last nights incident, \
         last nights breakdown, last nights downtime, last nights interruption, last nights power cut, \
         mondays outage, mondays failure, mondays problem, mondays problems, mondays disruption, mondays crash, \
         mondays incident, mondays breakdown, mondays downtime, mondays interruption, mondays power cut, \
         tuesdays outage, tuesdays failure, tuesdays problem, tuesdays problems, tuesdays disruption, \
         tuesdays crash, tuesdays incident, tuesdays breakdown, tuesdays downtime, tuesdays interruption, \
         tuesdays power cut, wednesdays outage, wednesdays failure, wednesdays problem, wednesdays problems, \
         wednesdays disruption, wednesdays crash, wednesdays incident, wednesdays breakdown, wednesdays downtime, \
         wednesdays interruption, wednesdays power cut, thursdays outage, thursdays failure, thursdays problem, \
         thursdays problems, thursdays disruption, thursdays crash, thursdays incident, thursdays breakdown, \
         thursdays downtime, thursdays interruption, thursdays power cut, fridays outage, fridays failure, \
         fridays problem, fridays problems, fridays disruption, fridays crash, fridays incident, fridays breakdown, \
         fridays downtime, fridays interruption, fridays power cut, a summary, short summary, last month, last year, \
         last tuesday, last monday, last thursday, previous, yesterdays outage, yesterdays failure, \
         yesterdays problem, yesterdays problems, yesterdays disruption, yesterdays crash, yesterdays incident, \
         yesterdays breakdown, yesterdays downtime, yesterdays interruption, yesterdays power cut, two weeks ago, \
         history of, would like, procedure, policy, insurance, checklist, prevent, protect us, avoid, prepare for, \
         how do we, how would we, what do we do, monitoring for, alert us, get alerts, notify us, sla, compensation, \
         credit for, on the invoice, on your invoice, is this real, banner, slide, presentation, wording, page says, \
         template, wenn, falls, sollte, geplant*, wartung*, schulung, ubung, letzte woche, letzten*, im fall, \
         im falle, notfallplan, ursache, gelesen, als de, als het, indien, gepland*, onderhoud, oefening, cursus, \
         vorige week, vorige maand, oorzaak, stel dat, afgelopen, si le, si la, si l, si les, en cas, au cas ou, \
         prevu, prevue, planifie*, formation, exercice, semaine derniere, mois dernier, cause de, si el, en caso, \
         programad*, planificad*, formacion, simulacro, semana pasada, mes pasado, causa, se il, se la, nel caso, \
         in caso, previsto, prevista, programmat*, formazione, esercitazione, settimana scorsa, mese scorso, se o, \
         se a, em caso, caso o, planejad*, planead*, formacao, treinamento, semana passada, mes passado, jesli, \
         gdyby, w razie, planowan*, szkoleni*, cwiczeni*, w zeszlym, zeszlego, przyczyn*",
    ),
    (
        Sign::My,
        "my, mine, mein, meine, meinem, meinen, mijn, mon, ma, mi, mis, mio, mia, miei, meu, minha, moj, moja, moje, \
         mojego, mojej, her, his, one users, one of my",
    ),
    (
        Sign::ForMe,
        "je ne, je n, ich komme, ich habe kein, ich habe keine, ich habe keinen, ich bekomme, ich erhalte, ich sehe, \
         ich kriege, ik krijg, ik heb geen, ik zie, ik kom, ik ontvang, me, !call me, !ring me, !phone me, !tell me, \
         !let me know, !contact me, !reach me, !give me, !help me, !excuse me, !believe me, !trust me, !me and, \
         !email me, !mail me, !text me, !to me that, !told me that, !me back, !me asap, !me on, !me at, \
         !me immediately, !me urgently, !send me, !inform me, !behind me, !like me, !remind me, !and me, \
         !not just me, !not only me, !it is not me, !me too, !from my phone, !from my mobile, !from my own mobile, \
         !from my cell, !from my private, !me on my, !on my mobile, !on my cell, !on my own mobile, !on our phones, \
         mrs, mr, ms, our colleague, a colleague, one colleague, one of my colleagues, my colleague, my boss, \
         our director, the director, he cannot, he cant, she cannot, she cant, frau, herr, herrn, mevrouw, meneer, \
         dhr, mw, madame, monsieur, mme, !mr and, tells me, says i, shows me, asks me, gives me, lets me, let me in, \
         throws me, kicks me, logs me, told me i, since my, i get, when i, i am unable, wenn ich, als ik, quand je, \
         je recois, in my, of my, with my, !in my department, !in my team, !in my office, !in my company, \
         !in my shop, !in my branch, !of my team, !of my colleagues, !of my department, !of my staff, !with my team, \
         !with my colleagues, !of my users, !of my clients, !in my group, for me, to me, i cant, i cannot, \
         i can not, im unable, i keep, on my, from my, at home, home office, my own, my home, one user, a user, \
         one person, my account, my laptop, my pc, my computer, my desk, my workstation, my phone, ich kann, \
         bei mir, mein rechner, mein laptop, mein pc, zuhause, zu hause, ik kan, bij mij, mijn laptop, mijn pc, \
         thuis, je ne peux, je n arrive, je n ai, chez moi, mon poste, mon ordinateur, mon pc, no puedo, en mi, \
         mi ordenador, mi portatil, en casa, non riesco, sul mio, il mio, a casa, nao consigo, no meu, \
         meu computador, em casa, nie moge, u mnie, na moim, w domu",
    ),
    (
        Sign::OnlyMe,
        "the whole team sees them, the whole team can, the whole team has, everybody else sees, everyone else sees, \
         everyone else has, everybody else has, everybody else is connected, everyone else is connected, \
         the rest of the team can, the rest of the office can, i am the only, im the only, only one who, \
         the only person, only person who, just this, only this, only me, just me, only my, just my, only mine, \
         just mine, only that my, it is only, its only that, only for me, only one user, only one person, only i, \
         only on my, it is my, it is just my, its just my, nobody else has, no one else has, not anyone else, \
         works for everyone else, everyone else is fine, everybody else is fine, everyone else can, \
         everybody else can, everyone else is working, everybody else is working, ich bin der einzige, \
         ich bin die einzige, nur bei mir, nur ich, nur mein, nur meine, nur meinen, ben de enige, alleen ik, \
         alleen bij mij, alleen mijn, enkel bij mij, enkel mijn, je suis le seul, je suis la seule, seulement moi, \
         moi seul, moi seule, que moi, que mon, que ma, uniquement mon, uniquement chez moi, soy el unico, \
         soy la unica, solo a mi, solo yo, solo mi, sono l unico, sono l unica, solo io, solo a me, solo il mio, \
         sou o unico, sou a unica, so eu, apenas eu, apenas o meu, so o meu, jako jedyn*, tylko ja, tylko u mnie, \
         tylko moj*",
    ),
    (
        Sign::MyDevice,
        "my laptops battery, my laptops, my pcs, my computers, my printers, my printer, my laptop, my pc, \
         my computer, my mouse, my keyboard, my screen, my tablet, my calendar, my folder, my mailbox, my file, \
         my files, my outlook, my system, my own system, my machine, my workstation, my notebook, my headset, \
         my monitor, my desktop, my profile, my account, laptop of, new laptop, his laptop, her laptop, his pc, \
         her pc, his computer, her computer, mein notebook, mein laptop, meinem laptop, mein rechner, \
         meinem rechner, mein pc, meinem pc, mein drucker, mein outlook, mein konto, meinem computer, mein computer, \
         mein bildschirm, mein telefon, mijn laptop, mijn pc, mijn computer, mijn scherm, mijn outlook, \
         mijn printer, mijn account, mijn telefoon, mijn muis, mijn toetsenbord, mijn bureaublad, mijn bestanden, \
         mijn map, mijn agenda, mein desktop, meinem desktop, meine dateien, mein ordner, mein kalender, meine maus, \
         meine tastatur, mon bureau, mes fichiers, mon agenda, mon clavier, my icons, my wallpaper, my documents, \
         my photos, mon poste, mon pc, mon ordinateur, mon imprimante, mon outlook, mon ecran, mon compte, \
         mon portable, ma souris, ma session, ma boite, imprimante du, mi ordenador, mi portatil, mi pc, mi cuenta, \
         mio pc, mio computer, mio portatile, meu computador, meu portatil, moj komputer, moj laptop, !sent from my, \
         !writing from my",
    ),
    (
        Sign::OthersFine,
        "in the office it works, in the office all works, elsewhere it works, in the office everything works, \
         mes collegues en, mes collegues oui, mes collegues recoivent, mes collegues peuvent, the rest can, \
         the rest are fine, the rest is fine, the rest has no, the rest have no, around me, for the others it works, \
         for the others, bei den anderen, bij de anderen, pour les autres, the others there, others there, \
         the others do, others do, the others in, in and working, others can, as far as i know, colleagues are fine, \
         colleague is fine, colleagues can, colleague can, colleague has no, colleagues have no, colleagues dont, \
         colleague doesnt, others are fine, the others are, others are ok, others are all, others have no, \
         others do not, others work, other people can, everyone else, everybody else, anyone else can, \
         rest of the office, rest of the team, rest of the company, rest of us, office is fine, nobody else, \
         no one else, next to me, opposite me, beside me, sits next, neighbours does, neighbour has, \
         works for others, works for everyone, fine for others, works for my, works on my, works fine on, \
         fine on my, have no such, has no such, has no problem, have no problem, has no trouble, have no trouble, \
         other files, other pdfs, other documents, other mails, other pages, other websites, other programs, \
         other apps, other spreadsheets, other attachments, andere dateien, andere bestanden, andere pdfs, \
         autres fichiers, has hers, has his, on other computers, on other pcs, on another pc, on another computer, \
         other laptops, on a colleagues, on my colleagues, at my colleagues, kollegen haben kein, bei den kollegen, \
         bei kollegen, bei allen anderen, alle anderen, kollegen konnen, kollege hat kein, collegas hebben, \
         collegas kunnen, bij collega, bij anderen, bij de collegas, collegas wel, anderen wel, collegen wel, \
         kollegen schon, die anderen schon, den kollegen geht, les collegues oui, the three others, the two others, \
         the others are ok, others are okay, other ones are, other ones work, de rest werkt, de rest kan, \
         anderen hebben, mes collegues n ont, chez mes collegues, chez les autres, les autres, mis companeros, \
         los demas, a los demas, i colleghi, gli altri, meus colegas, os outros, u innych, koledzy, inni",
    ),
    (
        Sign::Several,
        "several, some of our, some of us, of us have, of us get, of us are, of us cannot, of us cant, many of us, \
         most of us, two of us, three of us, four of us, five of us, six of us, seven of us, eight of us, ten of us, \
         half of us, two of our, three of our, four of our, five of our, six of our, seven of our, eight of our, \
         two of the, three of the, four of the, five of the, multiple, various people, a dozen, a handful of, \
         a number of, some users, some customers, some people, some colleagues, a few users, a few people, \
         a few colleagues, us in, our whole, whole team, half the, half of, all four, all three, all five, all six, \
         both of us, people in, me and my, mehrere*, einige kollegen, einige von uns, viele, einigen, mehreren, \
         etliche*, meerdere, verschillende, een aantal, sommige, enkele collegas, plusieurs, certains, certaines, \
         quelques collegues, nous sommes plusieurs, varios, varias, algunos, algunas, muchos, diversi, diverse, \
         alcuni, alcune, parecchi, molti, alguns, algumas, kilku, kilka, kilkoro, wielu, niektor*",
    ),
    (
        Sign::People,
        "people, users, colleagues, staff, employees, customers, clients, patients, guests, pupils, students, \
         nurses, doctors, teachers, drivers, agents, pickers, secretaries, receptionists, volunteers, accountants, \
         lawyers, designers, developers, engineers, waiters, operators, cashiers, members, visitors, tenants, \
         callers, workers, persons, others, mitarbeiter*, kollegen, leute*, personen, nutzer*, medewerkers, \
         collegas, mensen, gebruikers, personnes, collegues, utilisateurs, salaries, employes, pcs, computers, \
         workstations, desks, rooms, stores, shops, tills, branches, offices, arbeitsplatze, werkplekken, postes",
    ),
    (
        Sign::Device,
        "pc, !every single pc, !first pc, !pc after, !one pc after, !another pc, one of the handsets, \
         one of the cordless, one of my, !any printer, !any screen, !any laptop, !any tablet, !any pc, \
         !any computer, !any scanner, !any headset, !any phone, !any monitor, !any notebook, !any keyboard, \
         !every printer, !every screen, !every laptop, !every tablet, !every pc, !every computer, !every scanner, \
         !every headset, !every phone, !every monitor, !every notebook, !every keyboard, !each printer, \
         !each screen, !each laptop, !each tablet, !each pc, !each computer, !each scanner, !each headset, \
         !each phone, !each monitor, !each notebook, !each keyboard, !no printer, !no screen, !no laptop, \
         !no tablet, !no pc, !no computer, !no scanner, !no headset, !no phone, !no monitor, !no notebook, \
         !no keyboard, !single printer, !single screen, !single laptop, !single tablet, !single pc, \
         !single computer, !single scanner, !single headset, !single phone, !single monitor, !single notebook, \
         !single keyboard, !which printer, !which screen, !which laptop, !which tablet, !which pc, !which computer, \
         !which scanner, !which headset, !which phone, !which monitor, !which notebook, !which keyboard, tv, \
         television, camera, !camera system, !camera server, alarm clock, baby monitor, microwave, dishwasher, \
         smart tv, one pc, this pc, that pc, one computer, this computer, that computer, the pc in, the pc of, \
         the computer in, the computer of, pc of, computer of, one laptop, one printer, one phone, one screen, \
         laptop, notebook, macbook, chromebook, ipad, iphone, tablet, keyboard, mouse, headset, headphones, \
         earphones, earbuds, webcam, touchpad, trackpad, docking station, dockingstation, usb stick, charger, \
         power adapter, the monitor, my monitor, second monitor, external monitor, left monitor, right monitor, \
         second screen, my screen, desk phone, handset, printer, label printer, scanner, hand scanner, \
         barcode scanner, copier, projector, beamer, smartboard, whiteboard, meeting room screen, stylus, mousepad, \
         !on my laptop i, !printer server, !print server, !the monitor was, !the monitor has, tastatur, maus, \
         bildschirm, drucker, kopfhorer, handy, etikettendrucker, handscanner, muis, toetsenbord, scherm, \
         koptelefoon, oplader, beeldscherm, labelprinter, souris, clavier, ecran, imprimante, casque, \
         ordinateur portable, vers le portable, tablette, chargeur, raton, teclado, pantalla, impresora, \
         auriculares, portatil, tastiera, schermo, stampante, cuffie, portatile, rato, ecra, impressora, \
         auscultadores, myszka, klawiatura, drukarka, sluchawki",
    ),
    (
        Sign::Everybody,
        "!the office pc, !the office printer, !the office manager, !the office phone, !the office 365, \
         !the office computer, !the office laptop, !the office tv, colleagues and i, colleague and i, others and i, \
         and i cannot, and i cant, and i both, collegas en ik, kollegen und ich, kollege und ich, collegues et moi, \
         of all, !first of all, !most of all, !best of all, !worst of all, !of all things, for every, on every, \
         at every, from every, every single, for each, on each, at each, all of our, of our users, of our customers, \
         of our staff, none of the, any of the, any of our, both of our, in both, at both, on all, !on every page, \
         !in every cell, !for every mail, !for every new, !on every start, !at every start, !for each mail, \
         !for each new, !at each start, !on each page, !on each start, !on all my, !on all pages, !for every email, \
         !on every sheet, !none of the buttons, !none of the files, !any of the files, !any of the buttons, \
         !any of the other, me and the, me and my, everyone, everybody, nobody, no one, none of us, none of our, \
         all of us, all users, all staff, whole, entire, company wide, the office is, the office has, \
         the office lost, the office cannot, the office cant, all employees, all our, customers, patients, \
         every user, every customer, every pc, every computer, every store, every branch, every site, bei allen, \
         fur alle, voor alle, voor iedereen, bij alle, wir alle, alle mitarbeiter*, alle kollegen, alle kolleginnen, \
         alle nutzer*, alle benutzer*, alle anwender*, alle kunden, alle patienten, alle rechner, alle pcs, \
         alle arbeitsplatze, alle standorte, alle filialen, alle telefone, alle kassen, alle systeme, alle server, \
         alle collegas, alle medewerkers, alle gebruikers, alle klanten, alle werkplekken, alle vestigingen, \
         alle winkels, alle computers, alle kassas, alle telefoons, alle systemen, alle servers, alle afdelingen, \
         alle docenten, alle leerlingen, alle chauffeurs, alle gasten, niemand, keiner, ganze*, gesamte*, iedereen, \
         hele, tout le monde, personne, plus aucun, tout le, toute l, tous les, toda la, todos, nadie, todo el, \
         tutti, nessuno, tutta, tutto l, ninguem, toda a, todo o, wszyscy, nikt, cala firma, cale biuro, caly",
    ),
    (
        Sign::Partial,
        "every third, every fourth, every fifth, every sixth, every eighth, every tenth, every twentieth, \
         every second page, every second order, every second time, several colleagues, several people, \
         several users, several of us, several employees, several customers, mehrere kollegen, mehreren kollegen, \
         bei mehreren, meerdere collegas, bij meerdere, plusieurs collegues, plusieurs personnes, \
         plusieurs utilisateurs, plusieurs postes, some colleagues, a few colleagues, einige kollegen, \
         einigen kollegen, enkele collegas, quelques collegues, two colleagues, three colleagues, four colleagues, \
         five colleagues, two users, three users, four users, five users, two of us, three of us, four of us, \
         five of us, son coupe, jedem zweiten, jedem dritten, jedem vierten, jedem funften, jeder zweite, \
         jeder dritte, jede zweite, jede dritte, every second call, every third call, every other, paar keer, \
         keer per uur, keer per dag, plusieurs fois, fois par jour, fois par heure, mehrmals, mehrere male, \
         at times, every now and then, some customers, some clients, some people, some patients, some guests, \
         some visitors, some calls, some orders, some mails, some emails, certain customers, einige kunden, manche, \
         sommige klanten, certains clients, some machines, some pcs, some computers, some phones, before they come, \
         before it comes, before it opens, before it lets, before it works, before they open, before they arrive, \
         before it arrives, weak, very weak, too weak, sur deux, sur trois, sur quatre, sur cinq, sur dix, \
         en general ca, s ils recommencent, glitch*, choppy, wobbly, hit and miss, temperamental, stutter*, jerky, \
         unreliable, acting up, playing up, twice or three, several times, times an hour, times a day, \
         times per hour, after a minute, after a few minutes, after a while it, comes back, come back after, steeds, \
         telkens, regelmatig, om de haverklap, om de paar, elke paar, af en toe, nu en dan, wisselend, haper*, \
         traag, trage, sloom, stroperig, langzaam, te laat, vertraagd, immer wieder, standig, ab und zu, \
         hin und wieder, gelegentlich, alle paar, immer mal, zah, hakt, ruckelt, verzogert, verspatet, dauert, \
         aussetzer, abbruche, beim zweiten versuch, regulierement, sans arret, sans cesse, par moments, \
         de temps en temps, de temps a autre, une fois sur, rame, rament, ralenti*, saccade*, retard, lenteur*, \
         lents, lentes, coupures, deconnexions, laggy, lagging, lag, crawl, crawling, hiccup*, comes and goes, \
         come and go, on the second try, second attempt, retry, keeps, keep dropping, every so often, \
         once in a while, again and again, in and out, random*, hours late, minutes late, arrives late, arrive late, \
         delay*, takes ages, take ages, takes forever, takes minutes, take minutes, a minute to, minutes to, \
         seconds to, part of the, part of our, a third of, a quarter of, in part, only some, not all, most of, \
         en partie, une partie, la moitie, een deel, de helft, ein teil, halfte, intermittent*, se coupe, \
         se coupent, valt weg, vallen weg, valt steeds, toutes les cinq, toutes les dix, toutes les deux, \
         toutes les trois, toutes les quelques, toutes les heures, toutes les minutes, toutes les demi, co kilka, \
         si disconnette, se corta, partial*, sporadic*, occasional*, sometimes, now and then, on and off, \
         from time to time, keeps dropping, keeps disconnecting, every few, every couple, one of our, one of the, \
         one of two, one of three, one out of, one in two, one in three, one in four, one in five, one in ten, \
         two of our, two of the, three of our, four of our, five of our, six of our, seven of our, eight of our, \
         nine of our, ten of our, three of the, four of the, five of the, six of the, seven of the, eight of the, \
         nine of the, ten of the, of our two, of our three, of our four, of our five, of our six, of our seven, \
         of our eight, of our nine, of our ten, of the two, of the three, of the four, of the five, of the six, \
         of the seven, of the eight, of the nine, of the ten, some of our, with the rest, the rest works, \
         the rest work, the rest is fine, the others work, others still work, half our, half the, then it works, \
         try again and, after a retry, second try, half of, half speed, some of, some users, several of, a few, \
         backup line, failover, redundan*, secondary, second node, degraded, flaky, unstable, slow, very slow, \
         slowly, sluggish, but works, eventually, manchmal, sporadisch, zeitweise, teilweise, langsam, einer der, \
         einer von, eine von, soms, gedeeltelijk, een van de, parfois, intermitten*, partiel*, lent, lente, un des, \
         une des, a veces, parcial*, lento, lenta, uno de los, una de las, a volte, a tratti, parzial*, uno dei, \
         una delle, as vezes, um dos, uma das, czasami, czesciow*, wolno, jeden z, co chwile, przerywa*",
    ),
    (
        Sign::StillWorks,
        "nobody has complained, no one has complained, nobody complained, nobody has noticed, nobody noticed yet, \
         !shift took over, !provider took over, !when i took over, !i took over, !he took over, !she took over, \
         !company took over, everything runs on, all runs on, runs on the other, runs on node, on the other node, \
         users dont notice, users notice, no interruption, no impact, without interruption, nobody notices, \
         no one notices, nobody noticed, not noticed, everything still works, all still works, we can still, \
         can still work, still works, still working, half speed, wir konnen noch, we kunnen nog, on peut encore, \
         on the backup, on backup, over the backup, took over, taken over",
    ),
];
