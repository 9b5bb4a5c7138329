# hook call
f0:
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 4
    jgt %r1, %r2, i16
i4:
    ldxw %r3, [%r1-4]
    mul32 %r3, -1640531535
    rsh32 %r3, 22
    lsh %r3, 2
    lddw %r4, variables[0]
    add %r4, %r3
    ldxw %r3, [%r4]
    add32 %r3, 1
    stxw [%r4], %r3
    add %r1, 4
    jgt %r1, %r2, i16
    ja i4
i16:
    mov32 %r2, 0
    mov %r1, 0
    ja i22
i19:
    add %r1, 4
    mov32 %r2, %r3
    jeq %r1, 4096, i28
i22:
    lddw %r3, variables[0]
    add %r3, %r1
    ldxw %r3, [%r3]
    jgt32 %r3, %r2, i19
    mov32 %r3, %r2
    ja i19
i28:
    mov32 %r0, %r3
    exit
.variables zero 4104
