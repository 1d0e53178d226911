"""Floor 3: computed numbers as a table (`frame()`) and as a drawing (`plot()`); loads no plotting library until one is drawn."""
