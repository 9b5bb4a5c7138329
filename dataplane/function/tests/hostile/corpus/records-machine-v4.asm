# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r1, %r3
    add %r1, 2
    jgt %r1, %r2, i38
i6:
    mov %r4, %r0
    mov %r0, -1
    ldxb %r5, [%r3+1]
    ldxb %r6, [%r3]
    jsgt32 %r6, 2, i17
    jeq32 %r6, 0, i23
    jeq32 %r6, 1, i25
    jeq32 %r6, 2, i15
    ja i38
i15:
    mul %r4, %r5
    ja i26
i17:
    jeq32 %r6, 3, i21
    jeq32 %r6, 4, i32
    jeq32 %r6, 9, i37
    ja i38
i21:
    xor %r4, %r5
    ja i26
i23:
    add %r4, %r5
    ja i26
i25:
    sub %r4, %r5
i26:
    mov %r0, %r4
    mov %r3, %r1
i28:
    mov %r1, %r3
    add %r1, 2
    jgt %r1, %r2, i38
    ja i6
i32:
    add %r3, 10
    jgt %r3, %r2, i38
    ldxdw %r0, [%r1]
    add %r0, %r4
    ja i28
i37:
    mov %r0, %r4
i38:
    exit
