# SPDX-License-Identifier: Apache-2.0
"""Words that the second head of `words` tells apart, beside commands and mixtures; none is a keyword to come."""

AUXILIARY = """
able about above acid action actor address adult advice after again agent airport alarm album almond alone amber
anchor angel animal ankle answer apple april apron arch arrow artist aspect attic august autumn avenue baby
bacon badge bamboo banana banner basket battery beacon beauty bedroom behind belief benefit beyond bicycle
bishop blanket blossom border bottle boulder branch bread bridge brother bucket budget buffalo button cabin
cactus camera candle canyon captain carbon carpet castle cattle ceiling cement cherry chicken circle citizen
clover coffee column comet copper corner cotton cousin cradle credit cricket crystal culture curtain cushion
cycle daisy damage dancer danger debate decade degree desert dinner doctor dollar dolphin dragon drawer driver
eagle early earth easy editor effort eleven empire engine evening expert fabric factory family farmer father
feather fence fiction finger fish flavor flower forest fossil freedom frozen funny future galaxy garden garlic
gentle ginger glacier goblin golden guitar habit hammer handle harbor harvest hazel heaven helmet honey horizon
hotel hunter iceberg igloo impact insect island ivory jacket jaguar jelly jewel jungle justice kernel kettle
kidney kitchen kitten ladder lagoon lantern laptop lemon letter library lizard lobster logic lunch machine
magnet maple marble market meadow medal melody memory mirror monkey mountain music mustard napkin nature needle
nephew novel number ocean office olive orange orchid oxygen oyster paddle palace panda paper parrot pepper piano
pillow planet pocket polite potato powder prince puzzle quarter quiet rabbit radio raven recipe reptile ribbon
river robot rocket saddle salmon sample school season secret shadow silver singer sister smooth soccer spider
spring square stable statue summer sunset supper sweet symbol table talent teacher temple theory thunder ticket
tiger timber tomato tongue travel treasure tunnel turtle twelve umbrella uncle valley vanilla velvet village
violin vision walnut water weather welcome whisper window winter wisdom wizard wonder yellow yogurt zebra zipper
""".split()
