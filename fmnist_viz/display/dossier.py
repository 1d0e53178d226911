from dataclasses import dataclass
@dataclass(frozen=True)
class DossierDisplay:
    dossier: object
    images: object
    maps: object
    def frame(self): return self.dossier.frame()
    def errors(self): return self.dossier.errors()
    @property
    def text(self): return self.dossier.text
