"""Who stands where: the desk of the world, its box, and the desk next to it."""

DESK = "MZ-03"
DESK_CODE = "MZ03"
OTHER_DESK_CODE = "MZ04"
BOX_ID = "BOX-0001"
OTHER_BOX_ID = "BOX-0002"
HOSPITAL = "市一医院"
